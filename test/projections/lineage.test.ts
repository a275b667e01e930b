import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { warehouseReads } from "../../projections/clickhouse/read/index.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { warehouseTime } from "../../projections/event-table.ts";
import { type Direction, lineageOf } from "../../projections/lineage/graph.ts";
import { type LineageNode, nodeKey } from "../../projections/lineage/nodes.ts";
import { lineageReads } from "../../projections/lineage/reads.ts";
import { runProjection } from "../../projections/runtime.ts";
import { type Fixture, openFixture, predictionAt } from "./clickhouse-fixture.ts";
import { modelVersion, trainingSpec } from "./facts.ts";
import { type Fact, record, storesOf } from "./stores.ts";

let fixture: Fixture;

before(async () => {
  fixture = await openFixture();
});
after(() => fixture.close());
beforeEach(() => fixture.warehouse.client.command({ query: "TRUNCATE TABLE predictions" }));

const project = "flights";
const commit = "4f2a";
const source = {
  topic: "flights.departures",
  schema: "{}",
  schemaId: 1,
  key: "origin",
  timestamp: "scheduled",
  partitions: 4,
  maxRecordBytes: 1000,
  retentionMs: null,
};
const view = {
  entity: { name: "origin", key: ["origin"] },
  features: [{ name: "count", source: "departures", function: "count" as const, windowMs: 1000 }],
  allowedLatenessMs: 0,
  ttlMs: null,
};
const nothing = { trainingJob: null, from: null, to: null, rows: null, sources: [], views: [], positions: {} };
const fact = (aggregate: Fact["aggregate"], id: string, event: Fact["event"]): Fact => ({
  aggregate,
  project,
  id,
  event,
});

/** Version 1 by a job over views and sources, version 2 from a run that read a dataset; both served, one after the other. */
const history: Fact[] = [
  fact("project", project, { type: "ProjectCreated", data: { name: "Flights", description: "" } }),
  fact("event-source", "departures", { type: "EventSourceCreated", data: source }),
  fact("event-source", "arrivals", { type: "EventSourceCreated", data: { ...source, topic: "flights.arrivals" } }),
  fact("feature-view", "airport", { type: "FeatureViewCreated", data: { definition: view } }),
  fact("training-job", "job", { type: "TrainingJobSubmitted", data: { ...trainingSpec, model: "late" } }),
  fact("model", "late", { type: "ModelRegistered", data: { description: "" } }),
  fact("model", "late", {
    type: "ModelVersionCreated",
    data: {
      ...modelVersion(1),
      lineage: {
        ...modelVersion(1).lineage,
        trainingJob: "job",
        from: 0,
        to: 1,
        rows: 7,
        sources: ["departures", "arrivals"],
        views: [{ view: "airport", version: 1 }],
        positions: { "flights.departures/0": 12 },
        code: commit,
      },
    },
  }),
  fact("dataset", "rows", { type: "DatasetCreated", data: { description: "" } }),
  fact("dataset", "rows", {
    type: "DatasetVersionCreated",
    data: {
      version: 1,
      digest: "d1",
      format: "csv",
      size: 1,
      rows: 1,
      schema: [],
      profile: null,
      source: { kind: "upload", text: null },
    },
  }),
  fact("run", "r1", {
    type: "RunCreated",
    data: { experiment: "0", name: "r", user: "ada", startTime: 0, tags: { "mlflow.source.git.commit": commit } },
  }),
  fact("run", "r1", {
    type: "RunInputsLogged",
    data: {
      datasets: [{ name: "rows", digest: "d1", sourceType: "", source: "", schema: null, profile: null, tags: {} }],
      models: [],
    },
  }),
  fact("model", "late", {
    type: "ModelVersionCreated",
    data: { ...modelVersion(2), run: "r1", lineage: { ...modelVersion(2).lineage, ...nothing, run: "r1" } },
  }),
  fact("deployment", "delay", {
    type: "DeploymentCreated",
    data: {
      trigger: "departures",
      columns: [{ name: "count", from: "airport:count" }],
      split: [{ model: "late", version: 1, variant: "champion", share: 1 }],
      outcome: null,
      threshold: 0.5,
    },
  }),
  fact("deployment", "delay", {
    type: "TrafficChanged",
    data: { split: [{ model: "late", version: 2, variant: "champion", share: 1 }] },
  }),
];

const served = async (): Promise<void> => {
  const rows = [0, 1, 2].map((i) => {
    const { eventTime, servedAt, latencyMs, ...rest } = predictionAt(0, i);
    const [revision, version] = i < 2 ? [0, 1] : [1, 2];
    return {
      ...rest,
      project,
      revision,
      version,
      features: [1, 2],
      lookups: [],
      event_time: warehouseTime(eventTime),
      served_at: warehouseTime(servedAt),
      latency_ms: latencyMs,
      _topic: "t",
      _partition: 0,
      _offset: i,
    };
  });
  await fixture.warehouse.client.insert({ table: "predictions", values: rows, format: "JSONEachRow" });
};

const opened = async (t: Parameters<typeof storesOf>[0]) => {
  const stores = storesOf(t);
  const { eventStore, onlineStore } = stores;
  const stopping = new AbortController();
  const running = runProjection({ projection: documentsProjection, eventStore, onlineStore, signal: stopping.signal });
  const documents = documentReader({ onlineStore });
  stores.release(async () => {
    stopping.abort();
    await running.done;
    await documents.close();
  });
  await documents.waitFor(await record(eventStore, ...history));
  await served();
  const { predictionById, servedCounts } = warehouseReads(fixture.warehouse);
  const reads = lineageReads({ documents, eventStore, prediction: predictionById, servedCounts });
  const names = async (kind: LineageNode["kind"], id: string, direction: Direction, depth = 10) => {
    const { nodes } = await lineageOf(reads, { kind, project, id }, direction, depth);
    return nodes
      .slice(1)
      .map((node) => `${node.kind} ${node.id}`)
      .sort();
  };
  return { reads, names };
};

test("a prediction leads to its revision, version, job, views, sources, log positions and code", async (t) => {
  const { reads, names } = await opened(t);
  assert.deepEqual(await names("Prediction", "delay-0-0", "UPSTREAM"), [
    `Code ${commit}`,
    "DeploymentRevision delay/0",
    "EventSource arrivals",
    "EventSource departures",
    "FeatureViewVersion airport/1",
    "ModelVersion late/1",
    "TrainingJob job",
  ]);
  const { edges } = await lineageOf(reads, { kind: "Prediction", project, id: "delay-0-0" }, "UPSTREAM", 10);
  const detail = (relation: string) => edges.find((edge) => edge.relation === relation)?.detail;
  assert.deepEqual(detail("trained by"), { from: 0, to: 1, rows: 7, positions: { "flights.departures/0": 12 } });
  assert.deepEqual((detail("answered by") as { offset: number }).offset, 0);
});

test("a version from a run leads to the run's dataset and commit", async (t) => {
  const { names } = await opened(t);
  assert.deepEqual(await names("ModelVersion", "late/2", "UPSTREAM"), [
    `Code ${commit}`,
    "DatasetVersion rows/1",
    "Run r1",
  ]);
  assert.deepEqual(await names("ModelVersion", "late/2", "UPSTREAM", 1), ["Run r1"]);
});

test("a dataset leads to what was answered by models that learned from it, and to nothing else", async (t) => {
  const { names } = await opened(t);
  assert.deepEqual(await names("DatasetVersion", "rows/1", "DOWNSTREAM"), [
    "DeploymentRevision delay/1",
    "ModelVersion late/2",
    "Predictions delay/1/late/2",
    "Run r1",
  ]);
  assert.deepEqual(await names("TrainingJob", "job", "DOWNSTREAM"), [
    "DeploymentRevision delay/0",
    "ModelVersion late/1",
    "Predictions delay/0/late/1",
  ]);
});

test("what is found downstream of a node is what has it upstream", async (t) => {
  const { reads } = await opened(t);
  const all = await lineageOf(reads, { kind: "EventSource", project, id: "departures" }, "DOWNSTREAM", 20);
  assert.ok(all.nodes.length >= 8);
  for (const edge of all.edges) {
    const { edges } = await lineageOf(reads, edge.from, "UPSTREAM", 1);
    assert.ok(
      edges.some(({ to, relation }) => nodeKey(to) === nodeKey(edge.to) && relation === edge.relation),
      `${nodeKey(edge.from)} ${edge.relation} ${nodeKey(edge.to)}`,
    );
  }
});

test("what does not exist is said so; a link into nothing ends there", async (t) => {
  const { names } = await opened(t);
  for (const [kind, id] of [
    ["Prediction", "delay-0-99"],
    ["ModelVersion", "late/9"],
    ["DeploymentRevision", "delay/9"],
    ["FeatureViewVersion", "none/1"],
    ["FeatureViewVersion", "airport/2"],
  ] as const) {
    await assert.rejects(names(kind, id, "UPSTREAM"), { code: "NOT_FOUND" });
  }
});
