import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chunks, type Flights, landingOrder } from "../../examples/flights/dataset.ts";
import { columns, sources, views } from "../../examples/flights/definitions.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { planColumns } from "../../ml/features/columns.ts";
import { viewState } from "../../ml/features/state.ts";
import { planView } from "../../ml/features/view.ts";
import { openScorer } from "../../ml/onnx/session.ts";

/** Predictions a second that each stage could carry, were it alone on one core. */
export type Stages = { features: number; scoring: number; broker: number; warehouse: number };

const perSecond = (count: number, startedAt: number): number =>
  Math.round((count * 1000) / (performance.now() - startedAt));

/** Decoded events into view states, and a row of columns for each departure. */
const featuresAlone = (flights: Flights): { rate: number; rows: Float32Array; count: number } => {
  const infos = sources.map((source) => ({ ...source, name: source.id }));
  const plans = new Map(
    views.map(({ id, definition }) => [
      id,
      planView(id, 1, { ...definition, ttlMs: null } as Parameters<typeof planView>[2], infos),
    ]),
  );
  const plan = planColumns(columns.streaming, infos[0], plans);
  const states = plan.views.map((view) => viewState(view));
  const width = columns.streaming.length;
  const rows = new Float32Array(flights.count * width);
  const { airports, origin, destination, scheduled, landed, delay, distance } = flights;
  let count = 0;
  const startedAt = performance.now();
  for (const chunk of chunks(flights, landingOrder(flights), 8192)) {
    for (const i of chunk.arrivals) {
      const event = { origin: airports[origin[i]], destination: airports[destination[i]], delay: delay[i] };
      for (const state of states) state.apply("arrivals", event, landed[i]);
    }
    for (const i of chunk.departures) {
      const event = { origin: airports[origin[i]], destination: airports[destination[i]], distance: distance[i] };
      for (const state of states) state.apply("departures", event, scheduled[i]);
      plan.write(event, scheduled[i], states, rows, count++ * width);
    }
  }
  return { rate: perSecond(count, startedAt), rows, count };
};

const scoringAlone = async (onnx: Buffer, rows: Float32Array, count: number): Promise<number> => {
  const scorer = await openScorer(onnx);
  const startedAt = performance.now();
  const batch = 4096;
  for (let from = 0; from < count; from += batch) {
    const taken = Math.min(batch, count - from);
    await scorer.score(rows.subarray(from * scorer.columns, (from + taken) * scorer.columns), taken);
  }
  const rate = perSecond(count, startedAt);
  await scorer.close();
  return rate;
};

/** What one prediction costs the log: two inputs of 40 bytes, a prediction and an outcome of their usual size. */
const brokerAlone = async (count: number): Promise<number> => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const broker = sqliteBroker(join(directory, "bench.db"));
  try {
    await broker.ensureTopic("log", { partitions: 4, cleanup: "delete" });
    const [small, large] = [Buffer.alloc(40, 7), Buffer.alloc(260, 7)];
    const startedAt = performance.now();
    for (let done = 0; done < count; done += 8192) {
      const transaction = broker.transaction();
      for (let i = 0; i < 8192; i++) {
        for (const value of [small, small, large, large]) transaction.add("log", i & 3, "KEY", value, done + i);
      }
      await transaction.commit();
    }
    return perSecond(count, startedAt);
  } finally {
    await broker.close();
    rmSync(directory, { recursive: true, force: true });
  }
};

/** The very rows of the predictions table, encoded, into a table of the same columns. */
const warehouseAlone = async (warehouseUrl: string, count: number): Promise<number> => {
  const warehouse = openWarehouse(warehouseUrl);
  const { client } = warehouse;
  try {
    await client.command({ query: "CREATE TABLE bench_predictions AS predictions" });
    const described = await client.query({ query: "DESCRIBE TABLE predictions", format: "JSONEachRow" });
    const fields = (await described.json<{ name: string }>()).map(({ name }) => name).join(", ");
    const batch = 50_000;
    const stored = await client.exec({ query: `SELECT ${fields} FROM predictions LIMIT ${batch} FORMAT Native` });
    const body = Buffer.concat(await stored.stream.toArray());
    const into = { table: "bench_predictions", columns: fields, format: "Native" } as const;
    const startedAt = performance.now();
    const inserts = Math.max(2, Math.round(count / batch));
    for (let i = 0; i < inserts; i++) await warehouse.insert(into, body, `bench-${i}`);
    const rate = perSecond(inserts * batch, startedAt);
    await client.command({ query: "DROP TABLE bench_predictions" });
    return rate;
  } finally {
    await warehouse.close();
  }
};

export const measureStages = async (flights: Flights, onnx: Buffer, warehouseUrl: string): Promise<Stages> => {
  const features = featuresAlone(flights);
  return {
    features: features.rate,
    scoring: await scoringAlone(onnx, features.rows, features.count),
    broker: await brokerAlone(Math.min(200_000, flights.count)),
    warehouse: await warehouseAlone(warehouseUrl, Math.min(300_000, flights.count)),
  };
};
