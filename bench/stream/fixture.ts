import { type Client, connect } from "../../examples/flights/client.ts";
import { type Flights, readFlights } from "../../examples/flights/dataset.ts";
import { columns, endpoint, outcome, project, sources } from "../../examples/flights/definitions.ts";
import { command, declare } from "../../examples/flights/setup.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { trainBoosting } from "../../ml/boosting/train.ts";
import { buildProfile, encodeProfile } from "../../ml/drift/profile.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { avroType, frame } from "../../schemas/codec.ts";

const dayMs = 86_400_000;

/** Real flights, from January on, enough for so many departures. */
export const someFlights = async (events: number): Promise<Flights> => {
  const days = Math.ceil(events / 15_000) + 1;
  const flights = await readFlights(Date.UTC(2001, 0, 1), Date.UTC(2001, 0, 1) + days * dayMs);
  return { ...flights, count: Math.min(events, flights.count) };
};

/** A model of 100 trees over the example's columns: what it has learned is noise, its cost is that of any other. */
export const hundredTrees = async (): Promise<{ onnx: Buffer; profile: Buffer }> => {
  const names = columns.streaming.map(({ name }) => name);
  const rows = 20_000;
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  const values = Float32Array.from({ length: rows * names.length }, () => random() * 60);
  const labels = Float32Array.from({ length: rows }, () => (random() < 0.25 ? 1 : 0));
  const matrix = { rows, columns: names, values, labels };
  const parameters = {
    trees: 100,
    learningRate: 0.1,
    maxLeaves: 31,
    maxDepth: 6,
    minLeafRows: 20,
    l2: 1,
    bins: 255,
    validationShare: 0.1,
    earlyStoppingRounds: 0,
    seed: 1,
  };
  const onnx = exportBoosting(await trainBoosting(matrix, null, parameters, { task: "binary", workers: 2 }), names);
  const scorer = await openScorer(onnx);
  const profile = encodeProfile(buildProfile(matrix, await scorer.score(values, rows)));
  await scorer.close();
  return { onnx, profile };
};

/** Declares the example and deploys this model, through the public doors. */
export const deployFixture = async (url: string, model: { onnx: Buffer; profile: Buffer }): Promise<Client> => {
  const client = connect(url);
  await declare(client);
  const put = async (bytes: Buffer): Promise<string> => {
    const response = await fetch(`${url}/artifacts`, {
      method: "PUT",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(bytes),
    });
    return ((await response.json()) as { digest: string }).digest;
  };
  const artifact = await put(model.onnx);
  const profile = await put(model.profile);
  await command(client, "createModelVersion", { model: "delays", artifact, profile });
  await command(client, "approveModelVersion", { model: "delays", version: 1, comment: "bench" });
  await command(client, "createDeployment", {
    id: endpoint,
    trigger: "departures",
    columns: columns.streaming,
    split: [{ model: "delays", version: 1, variant: "champion", share: 1 }],
    outcome,
  });
  return client;
};

const [departures, arrivals] = sources.map(({ schema }) => avroType(schema));

/** Writers of the two topics straight to the broker: the bench measures the stream, not the JSON door. */
export const producers = async (broker: Broker, schemaIds: { departures: number; arrivals: number }) => ({
  departures: (flights: Flights, chosen: readonly number[]) =>
    broker.produce(
      "departures",
      chosen.map((i) => {
        const { airports, origin, destination, scheduled, distance } = flights;
        const from = airports[origin[i]];
        const to = airports[destination[i]];
        const event = {
          flight: `f${i}`,
          origin: from,
          destination: to,
          scheduled: scheduled[i],
          distance: distance[i],
        };
        return { key: from, value: frame(schemaIds.departures, departures, event), timestamp: scheduled[i] };
      }),
    ),
  arrivals: (flights: Flights, chosen: readonly number[]) =>
    broker.produce(
      "arrivals",
      chosen.map((i) => {
        const { airports, origin, destination, landed, delay } = flights;
        const from = airports[origin[i]];
        const to = airports[destination[i]];
        const event = { flight: `f${i}`, origin: from, destination: to, landed: landed[i], delay: delay[i] };
        return { key: from, value: frame(schemaIds.arrivals, arrivals, event), timestamp: landed[i] };
      }),
    ),
});

export { endpoint, project };
