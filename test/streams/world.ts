import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pino from "pino";
import { Registry } from "prom-client";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import { openBroker } from "../../infra/broker/open.ts";
import { uuidv7 } from "../../infra/clock.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import type { Report } from "../../infra/report.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import type { BoostedTrees } from "../../ml/boosting/types.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import type { Column, DeploymentDefinition } from "../../schemas/lifecycle/deployment.ts";
import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import type { ModelVersionDefinition } from "../../schemas/lifecycle/model.ts";
import { type Aggregate, type LifecycleEvent, streamName } from "../../schemas/lifecycle.ts";
import { predictionSchema, topicOf } from "../../schemas/topics.ts";
import { currentVersion } from "../../schemas/upcasters.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { readAll } from "../../streams/runtime/restore.ts";
import type { StepWatch } from "../../streams/runtime/step-watch.ts";
import { runStreams } from "../../streams/runtime/supervisor.ts";

export const project = "test";

const recordSchema = (name: string, fields: [string, string][]): string =>
  JSON.stringify({ type: "record", name, fields: fields.map(([field, type]) => ({ name: field, type })) });

const clickSchema = recordSchema("Click", [
  ["id", "string"],
  ["shop", "string"],
  ["at", "long"],
  ["price", "double"],
]);

const saleSchema = recordSchema("Sale", [
  ["id", "string"],
  ["shop", "string"],
  ["at", "long"],
  ["amount", "double"],
]);

export type Click = { id: string; shop: string; at: number; price: number };
export type Sale = { id: string; shop: string; at: number; amount: number };

export const shopView: FeatureViewDefinition = {
  entity: { name: "shop", key: ["shop"] },
  allowedLatenessMs: 60_000,
  ttlMs: null,
  features: [
    { name: "clicks_1h", source: "clicks", function: "count", windowMs: 3_600_000 },
    { name: "mean_amount_1d", source: "sales", function: "mean", value: "event.amount", windowMs: 86_400_000 },
  ],
};

export const columns: Column[] = [
  { name: "price", from: "event.price" },
  { name: "clicks", from: "shop:clicks_1h" },
  { name: "amount", from: "shop:mean_amount_1d" },
];

/** One tree on `column`: `low` at or below the threshold, else `high` (log-odds). */
export const stump = (column: number, threshold: number, low: number, high: number): BoostedTrees => ({
  task: "binary",
  base: 0,
  bestIteration: 1,
  trees: [
    {
      feature: Int32Array.of(column, -1, -1),
      threshold: Float32Array.of(threshold, 0, 0),
      missingLeft: Uint8Array.of(1, 0, 0),
      left: Int32Array.of(1, 0, 0),
      right: Int32Array.of(2, 0, 0),
      value: Float64Array.of(0, low, high),
    },
  ],
});

export type PredictionRecord = {
  id: string;
  model: string;
  version: number;
  variant: string;
  entity: string;
  key: string;
  eventTime: number;
  topic: string;
  partition: number;
  offset: number;
  lookups: { view: string; partition: number; offset: number }[];
  features: number[];
  output: number;
  servedAt: number;
  late: boolean;
};

/** A platform's streams on embedded engines in a temporary folder, driven by events as the event store holds them. */
export const openWorld = async (given: Partial<ModelLimits> = {}) => {
  const directory = await mkdtemp(join(tmpdir(), "millrace-streams-"));
  const url = `sqlite:${join(directory, "millrace.db")}`;
  const eventStore = await openEventStore(url);
  const broker = await openBroker(url);
  const onlineStore = await openOnlineStore(url);
  const registry = await openSchemaRegistry("embedded:", eventStore);
  const artifacts = await openArtifacts(`file:${join(directory, "artifacts")}`);
  const limits: ModelLimits = { inspectTimeoutMs: 30_000, scoreTimeoutMs: 30_000, memoryBytes: 2 ** 31, ...given };
  const partitions = 2;
  let stop: AbortController | null = null;
  let running: Promise<void> = Promise.resolve();

  const append = async (aggregate: Aggregate, id: string, event: LifecycleEvent): Promise<void> => {
    const metadata = {
      $correlationId: "test",
      $causationId: "test",
      actor: "test",
      project,
      schemaVersion: currentVersion(event.type),
      at: Date.now(),
    };
    await eventStore.append(streamName(aggregate, project, id), [{ id: uuidv7(), metadata, ...event }], "any");
  };

  const source = async (id: string, schema: string): Promise<number> => {
    const { id: schemaId } = await registry.register(`${id}-value`, schema);
    await broker.ensureTopic(id, { partitions, cleanup: "delete" });
    const definition = { topic: id, schema, schemaId, key: "shop", timestamp: "at", partitions };
    await append("event-source", id, {
      type: "EventSourceCreated",
      data: { ...definition, maxRecordBytes: 1_000_000, retentionMs: null },
    });
    return schemaId;
  };

  await append("project", project, { type: "ProjectCreated", data: { name: "Test", description: "" } });
  const schemaIds = { clicks: await source("clicks", clickSchema), sales: await source("sales", saleSchema) };
  const types = { clicks: avroType(clickSchema), sales: avroType(saleSchema) };

  const world = {
    directory,
    eventStore,
    broker,
    onlineStore,
    registry,
    artifacts,
    limits,
    append,
    view: (id: string, definition: FeatureViewDefinition) =>
      append("feature-view", id, { type: "FeatureViewCreated", data: { definition } }),
    /** Trees over `columns`, or any ONNX file over the columns named. */
    version: async (
      version: number,
      model: BoostedTrees | Buffer,
      profile: string | null = null,
      names = columns.map(({ name }) => name),
    ): Promise<void> => {
      const onnx = Buffer.isBuffer(model) ? model : exportBoosting(model, names);
      const { digest, size } = await artifacts.put(onnx);
      const data: ModelVersionDefinition = {
        version,
        format: "onnx",
        artifact: digest,
        size,
        signature: { inputs: [], outputs: [] },
        output: null,
        outputIndex: null,
        task: "binary",
        columns: names,
        metrics: {},
        profile,
        lineage: {
          trainingJob: null,
          from: null,
          to: null,
          rows: null,
          sources: [],
          views: [],
          positions: {},
          code: null,
          run: null,
          datasets: [],
        },
        source: null,
        run: null,
      };
      await append("model", "buyers", { type: "ModelVersionCreated", data });
    },
    deploy: (fields: Partial<DeploymentDefinition> = {}, id = "buy") =>
      append("deployment", id, {
        type: "DeploymentCreated",
        data: {
          trigger: "clicks",
          columns,
          split: [{ model: "buyers", version: 1, variant: "champion", share: 1 }],
          outcome: { source: "sales", key: ["id"], value: "event.amount > 10.0", horizonMs: 86_400_000 },
          threshold: 0.5,
          ...fields,
        },
      }),
    produce: async (topic: "clicks" | "sales", events: readonly (Click | Sale)[]): Promise<void> => {
      await broker.produce(
        topic,
        events.map((event) => ({
          key: event.shop,
          value: frame(schemaIds[topic], types[topic], event),
          timestamp: event.at,
        })),
      );
    },
    start: async (
      options: {
        maxTaskIdleMs?: number;
        sourceIdleMs?: number;
        note?: Report;
        maxBatchRecords?: number;
        maxAheadMs?: number;
        metrics?: Registry;
        report?: Report;
        steps?: StepWatch;
      } = {},
    ): Promise<void> => {
      stop = new AbortController();
      const streams = await runStreams({
        eventStore,
        broker,
        registry,
        artifacts,
        onlineStore,
        clock: Date.now,
        maxTaskIdleMs: options.maxTaskIdleMs ?? 50,
        sourceIdleMs: options.sourceIdleMs ?? 50,
        maxBatchRecords: options.maxBatchRecords ?? 1000,
        maxAheadMs: options.maxAheadMs ?? 300_000,
        modelLimits: limits,
        metrics: options.metrics ?? new Registry(),
        logger: pino({ level: process.env.LOG_LEVEL ?? "silent" }),
        signal: stop.signal,
        report: options.report,
        note: options.note,
        steps: options.steps,
      });
      running = streams.done;
    },
    stop: async (): Promise<void> => {
      stop?.abort();
      await running;
    },
    /** Records of a topic of the platform, decoded, over all partitions. */
    read: async <T>(topic: string, schema: object): Promise<T[]> => {
      const type = avroType(schema);
      const records: T[] = [];
      const config = await broker.topic(topic);
      for (let partition = 0; partition < (config?.partitions ?? 0); partition++) {
        await readAll(broker, topic, partition, 0, (batch, i) => {
          records.push(type.fromBuffer(batch.bytes.subarray(batch.valueStart[i] + 5, batch.valueEnd[i])) as T);
        });
      }
      return records;
    },
    predictions: () => world.read<PredictionRecord>(topicOf.predictions(project, "buy"), predictionSchema),
    close: async (): Promise<void> => {
      await world.stop();
      for (const engine of [registry, artifacts, onlineStore, broker, eventStore]) await engine.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return world;
};

export type World = Awaited<ReturnType<typeof openWorld>>;

/** Asks again until the answer is there; fails after half a minute. */
export const eventually = async <T>(what: string, ask: () => Promise<T | null | undefined | false>): Promise<T> => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
};
