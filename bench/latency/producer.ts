import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { type Chunk, chunks, landingOrder } from "../../examples/flights/dataset.ts";
import { openEngines } from "../../platform/engines.ts";
import { producers, someFlights } from "../stream/fixture.ts";
import type { FromProducer, ProducerData, ToProducer } from "./messages.ts";

/** Produces flights as fast as the broker takes them, from a thread of its own: the platform's loops stay its own. */
const { settings, flights: count } = workerData as ProducerData;
const port = parentPort as NonNullable<typeof parentPort>;
const chunkEvents = 4_000;

const flights = await someFlights(count);
const engines = await openEngines(settings);
const idOf = async (topic: string): Promise<number> => (await engines.registry.latest(`${topic}-value`))?.id ?? 0;
const ids = { departures: await idOf("departures"), arrivals: await idOf("arrivals") };
const produce = await producers(engines.broker, ids);
const waiting: Iterator<Chunk> = chunks(flights, landingOrder(flights), chunkEvents);
let events = 0;
port.postMessage({ events } satisfies FromProducer);

for (let more = true; more; ) {
  const [{ departures }] = (await once(port, "message")) as [ToProducer];
  for (;;) {
    const next = waiting.next();
    if (next.done === true) {
      more = false;
      break;
    }
    const chunk = next.value;
    await Promise.all([produce.departures(flights, chunk.departures), produce.arrivals(flights, chunk.arrivals)]);
    events += chunk.departures.length + chunk.arrivals.length;
    await new Promise(setImmediate);
    if (departures > 0 && chunk.departed >= departures) break;
  }
  port.postMessage({ events } satisfies FromProducer);
}
await engines.close();
port.close();
