import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import avsc from "avsc";
import {
  type EmbeddedWarehouse,
  type EmbeddedWarehouseOptions,
  startEmbeddedWarehouse,
} from "../../infra/warehouse/embedded.ts";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { frameHeader } from "../../schemas/byte-writer.ts";
import { outcomeSchema, predictionSchema } from "../../schemas/topics.ts";

export type Fixture = {
  folder: string;
  engine: EmbeddedWarehouse;
  warehouse: Warehouse;
  rows<Row>(query: string): Promise<Row[]>;
  close(): Promise<void>;
};

/** A real embedded warehouse with the platform's tables, in a folder that `close` removes. */
export const openFixture = async (options: Partial<EmbeddedWarehouseOptions> = {}): Promise<Fixture> => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-clickhouse-"));
  const engine = await startEmbeddedWarehouse({ directory: join(folder, "warehouse"), ...options });
  const warehouse = openWarehouse(`${engine.url}/millrace`);
  await ensureTables(warehouse);
  return {
    folder,
    engine,
    warehouse,
    rows: async <Row>(query: string) => (await warehouse.client.query({ query, format: "JSONEachRow" })).json<Row>(),
    async close() {
      await warehouse.close();
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const framed = (schema: unknown): ((value: unknown) => Buffer) => {
  const type = avsc.Type.forSchema(schema as avsc.Schema);
  return (value) => Buffer.concat([frameHeader(1), type.toBuffer(value)]);
};

export const encodePrediction = framed(predictionSchema);
export const encodeOutcome = framed(outcomeSchema);

/** Prediction i of partition p: two features, the second missing in every fifth; version 2 in every tenth. */
export const predictionAt = (partition: number, i: number, endpoint = "delay") => ({
  id: `${endpoint}-${partition}-${i}`,
  endpoint,
  revision: 3,
  model: "late",
  version: i % 10 === 0 ? 2 : 1,
  variant: i % 10 === 0 ? "challenger" : "champion",
  share: i % 10 === 0 ? 0.1 : 0.9,
  entity: `entity ${i % 7}`,
  key: `kéy-${partition}-${i}`,
  eventTime: 1_000_000_000_000 + i * 1_000,
  topic: "departures",
  partition,
  offset: i,
  positions: [i + 1, 2 ** 40 + i, 0],
  lookups: i % 3 === 0 ? [{ view: "destination", partition: 1, offset: -1 }] : [],
  features: [Math.fround(i / 3), i % 5 === 0 ? Number.NaN : i],
  output: (i % 100) / 100,
  servedAt: 1_700_000_000_000 + i,
  latencyMs: i / 8,
  runtime: "test",
  late: i % 3 === 0,
});

export const outcomeAt = (partition: number, i: number, outcome: number) => {
  const { id, endpoint, model, version, variant, entity, key, eventTime, output } = predictionAt(partition, i);
  return {
    predictionId: id,
    endpoint,
    model,
    version,
    variant,
    entity,
    key,
    predictedAt: eventTime,
    outcomeAt: eventTime + 5_000,
    output,
    outcome,
    predictionOffset: i,
    topic: "arrivals",
    partition,
    offset: i,
  };
};
