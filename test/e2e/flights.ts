import type { Client } from "../../examples/flights/client.ts";
import { chunks, type Flights, landingOrder, readFlights } from "../../examples/flights/dataset.ts";
import { columns, endpoint, outcome } from "../../examples/flights/definitions.ts";
import { command, declare } from "../../examples/flights/setup.ts";
import { partitionOf } from "../../infra/broker/port.ts";
import type { Tree } from "../../ml/boosting/types.ts";
import { buildProfile, encodeProfile } from "../../ml/drift/profile.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";

const hour = 3_600_000;
const day = 24 * hour;
const partitions = 4;

/** mulberry32: the same numbers in every run of a test. */
export const randomOf = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/**
 * A view whose partials do not add up exactly in binary: state that came back from the changelog shows in its last bit
 * if it is not the state that was written.
 */
const unevenView = {
  id: "uneven",
  definition: {
    entity: { name: "airport", key: ["origin"] },
    allowedLatenessMs: hour,
    features: [
      { name: "sum_6h", source: "arrivals", function: "sum", value: "event.delay * 0.1", windowMs: 6 * hour },
      { name: "variance_1d", source: "arrivals", function: "variance", value: "event.delay * 0.37", windowMs: day },
      {
        name: "quantile_6h",
        source: "arrivals",
        function: "quantile",
        value: "event.delay * 1.1",
        quantile: 0.9,
        windowMs: 6 * hour,
      },
      { name: "distinct_1d", source: "arrivals", function: "distinct", value: "event.destination", windowMs: day },
      { name: "min_1h", source: "arrivals", function: "min", value: "event.delay * 0.7", windowMs: hour },
      { name: "last_ever", source: "arrivals", function: "last", value: "event.delay / 3.0", windowMs: null },
      { name: "rate_6h", source: "departures", function: "rate", windowMs: 6 * hour },
    ],
  },
};

const served = [
  ...columns.streaming,
  ...unevenView.definition.features.map(({ name }) => ({ name: `uneven_${name}`, from: `uneven:${name}` })),
];
const names = served.map(({ name }) => name);

const tree = (random: () => number): Tree => {
  const pick = (): number => Math.floor(random() * names.length);
  return {
    feature: Int32Array.of(pick(), pick(), pick(), -1, -1, -1, -1),
    threshold: Float32Array.from([0, 1, 2, 3, 4, 5, 6], () => random() * 30),
    missingLeft: Uint8Array.of(1, 0, 1, 0, 0, 0, 0),
    left: Int32Array.of(1, 3, 5, 0, 0, 0, 0),
    right: Int32Array.of(2, 4, 6, 0, 0, 0, 0),
    value: Float64Array.from([0, 0, 0, 1, 1, 1, 1], (leaf) => leaf * Math.fround(random() - 0.5)),
  };
};

/** A model made up from a seed: what it answers does not matter here, that it answers the same does. */
export const modelOf = (seed: number, columnNames: string[] = names): Buffer => {
  const random = randomOf(seed);
  const trees = Array.from({ length: 30 }, () => tree(random));
  for (const { feature } of trees) {
    for (let i = 0; i < feature.length; i++) if (feature[i] >= columnNames.length) feature[i] = 0;
  }
  return exportBoosting({ task: "binary", base: -1, trees, bestIteration: trees.length }, columnNames);
};

const profile = (): Buffer => {
  const random = randomOf(99);
  const rows = 500;
  const values = Float32Array.from({ length: rows * names.length }, () => Math.floor(random() * 40));
  return encodeProfile(buildProfile({ rows, columns: names, values }, Float32Array.from({ length: rows }, random)));
};

/** `PUT /artifacts`; answers the digest. */
export const putArtifact = async (client: Client, bytes: Uint8Array<ArrayBuffer>): Promise<string> => {
  const headers = { "content-type": "application/octet-stream" };
  const response = await fetch(`${client.url}/artifacts`, { method: "PUT", headers, body: bytes });
  if (!response.ok) throw new Error(`PUT /artifacts: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { digest: string }).digest;
};

const split = [
  { model: "delays", version: 1, variant: "champion", share: 0.7 },
  { model: "delays", version: 2, variant: "challenger", share: 0.3 },
  { model: "delays", version: 3, variant: "shadow", share: 0 },
];

/** The flights example with ready-made models: a champion, a challenger and a shadow, and both kinds of monitor. */
export const setUp = async (client: Client): Promise<void> => {
  await declare(client);
  await command(client, "createFeatureView", unevenView);
  const reference = await putArtifact(client, Uint8Array.from(profile()));
  for (const { model, version } of split) {
    const artifact = await putArtifact(client, Uint8Array.from(modelOf(version)));
    await command(client, "createModelVersion", { model, artifact, profile: reference });
    await command(client, "approveModelVersion", { model, version, comment: "made for the test" });
  }
  await command(client, "createDeployment", { id: endpoint, trigger: "departures", columns: served, split, outcome });
  await command(client, "createMonitor", {
    id: "errors",
    definition: { kind: "error", deployment: endpoint, minInstances: 30, delta: 0.005, lambda: 3 },
  });
  await command(client, "createMonitor", {
    id: "inputs",
    definition: {
      kind: "drift",
      deployment: endpoint,
      statistic: "psi",
      threshold: 0.2,
      windowMs: 6 * hour,
      minRows: 100,
    },
  });
};

/** One call of `POST /topics/{topic}`. */
export type ProduceCall = { topic: "departures" | "arrivals"; records: string[] };

export type Traffic = { calls: ProduceCall[]; departures: number };

/**
 * Every fourth flight of two days in March, in calls of some hundred records, the order and the cuts always the same.
 * At the end stands one departure a partition, much later than all landings, that lets a task which waits for its
 * departures go on to the last landing; it is never taken itself, for the landings have then run dry.
 */
export const traffic = async (eventsACall: number): Promise<Traffic> => {
  const from = Date.UTC(2001, 2, 1);
  const all = await readFlights(from, from + 2 * day);
  const flights = everyFourth(all);
  const { airports, origin, destination, scheduled, landed, distance, delay } = flights;
  const route = (i: number): string =>
    `"flight":"f${i}","origin":"${airports[origin[i]]}","destination":"${airports[destination[i]]}"`;
  const calls: ProduceCall[] = [];
  for (const chunk of chunks(flights, landingOrder(flights), eventsACall)) {
    const departures = chunk.departures.map(
      (i) => `{"value":{${route(i)},"scheduled":${scheduled[i]},"distance":${distance[i]}}}`,
    );
    const arrivals = chunk.arrivals.map((i) => `{"value":{${route(i)},"landed":${landed[i]},"delay":${delay[i]}}}`);
    if (departures.length > 0) calls.push({ topic: "departures", records: departures });
    if (arrivals.length > 0) calls.push({ topic: "arrivals", records: arrivals });
  }
  const ends = Array.from({ length: partitions }, (_, partition) => {
    const airport = airports.find((code) => partitionOf(Buffer.from(code), partitions) === partition);
    const value = {
      flight: `end${partition}`,
      origin: airport,
      destination: "END",
      scheduled: from + 20 * day,
      distance: 1,
    };
    return JSON.stringify({ value });
  });
  calls.push({ topic: "departures", records: ends });
  return { calls, departures: flights.count };
};

const everyFourth = (all: Flights): Flights => {
  const kept = Array.from({ length: Math.floor(all.count / 4) }, (_, i) => 4 * i);
  return {
    count: kept.length,
    airports: all.airports,
    scheduled: Float64Array.from(kept, (i) => all.scheduled[i]),
    landed: Float64Array.from(kept, (i) => all.landed[i]),
    delay: Int16Array.from(kept, (i) => all.delay[i]),
    distance: Uint16Array.from(kept, (i) => all.distance[i]),
    origin: Uint16Array.from(kept, (i) => all.origin[i]),
    destination: Uint16Array.from(kept, (i) => all.destination[i]),
  };
};
