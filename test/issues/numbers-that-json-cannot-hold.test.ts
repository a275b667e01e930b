import assert from "node:assert/strict";
import { test } from "node:test";
import { newPageHinkley } from "../../ml/drift/page-hinkley.ts";
import { addToTile, newMetricTile, summarizeTile } from "../../ml/metrics/tile.ts";
import { encodeModel } from "../../ml/onnx/writer.ts";
import { verifySample } from "../../platform/cli/verify.ts";
import { errorMonitors } from "../../streams/drift/error-monitors.ts";
import type { Joined } from "../../streams/outcomes/join.ts";
import type { DeploymentStage } from "../../streams/predictions/stage.ts";
import { labelledRows } from "../../training/rows.ts";
import { command, type Running, runPlatform, settingsFor, temporaryFolder } from "../platform/shop.ts";
import { eventually } from "../streams/world.ts";

/** Answers its column: NaN for a missing one, and what float32 makes of a large number. */
const linear = encodeModel({
  producer: "test",
  graph: "g",
  nodes: [{ operator: "Identity", inputs: ["x"], outputs: ["y"] }],
  inputs: [{ name: "x", shape: ["N", 1] }],
  outputs: [{ name: "y", shape: ["N", 1] }],
  opsets: { "": 17 },
  metadata: {},
});

const at = Date.UTC(2026, 0, 5);
const recordOf = (name: string): string =>
  JSON.stringify({
    type: "record",
    name,
    fields: [
      { name: "id", type: "string" },
      { name: "at", type: "long" },
      { name: "x", type: ["null", "double"] },
    ],
  });

const inputs: (number | null)[] = [1, null, 3, 1e39, -1e39];

/** Every input is a prediction, of which each has an outcome of 1. */
const openPlatform = async (running: Running): Promise<void> => {
  const { client } = running;
  await command(client, "createProject", { id: "shop", name: "Shop" });
  const source = { key: "id", timestamp: "at", partitions: 1 };
  await command(client, "createEventSource", { ...source, id: "asked", topic: "asked", schema: recordOf("Asked") });
  await command(client, "createEventSource", { ...source, id: "known", topic: "known", schema: recordOf("Known") });
  await command(client, "createFeatureView", {
    id: "totals",
    definition: {
      entity: { name: "id", key: ["id"] },
      allowedLatenessMs: 60_000,
      features: [{ name: "total", source: "known", function: "sum", value: "event.x * 1.5e308", windowMs: 3_600_000 }],
    },
  });
  await command(client, "registerModel", { id: "line" });
  const stored = await fetch(`${client.url}/artifacts`, {
    method: "PUT",
    headers: { ...client.headers, "content-type": "application/octet-stream" },
    body: Uint8Array.from(linear),
  });
  const { digest: artifact } = (await stored.json()) as { digest: string };
  await command(client, "createModelVersion", { model: "line", artifact, columns: ["x"], task: "regression" });
  await command(client, "approveModelVersion", { model: "line", version: 1, comment: "made for the test" });
  await command(client, "createDeployment", {
    id: "line",
    trigger: "asked",
    columns: [{ name: "x", from: "event.x" }],
    split: [{ model: "line", version: 1, variant: "champion", share: 1 }],
    outcome: { source: "known", key: ["id"], value: "event.x", horizonMs: 86_400_000 },
  });
  const recordFor = (x: number | null, i: number, after = 0): string =>
    `{"value":{"id":"k${i}","at":${at + i + after},"x":${x === null ? "null" : `{"double":${x}}`}}}`;
  await client.produce(
    "asked",
    inputs.map((x, i) => recordFor(x, i)),
  );
  await eventually("predictions", async () => (await running.count("SELECT count() AS n FROM predictions")) === 5);
  await client.produce(
    "known",
    // The last two are one entity's, and too much for a double together.
    [...inputs.map((_, i) => recordFor(1, i, 100)), recordFor(1, 9, 100), recordFor(1, 9, 100)],
  );
  await eventually("outcomes", async () => (await running.count("SELECT count() AS n FROM outcomes")) === 5);
};

const kinds = ["FINITE", "NAN", "FINITE", "POSITIVE_INFINITY", "NEGATIVE_INFINITY"];
const values = [1, null, 3, null, null];

test("NaN and infinite scores are null with their kind wherever they are read, and verify proves them", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openPlatform(running);
  const { client } = running;

  const fields = `output outputKind features featureKinds inputs { value kind } outcome outcomeKind`;
  type Node = { output: number | null; outputKind: string; features: (number | null)[]; featureKinds: string[] };
  const { predictions, predictionStatistics, liveMetrics } = await client.query<{
    predictions: { edges: { node: Node & { outcome: number } }[] };
    predictionStatistics: object[];
    liveMetrics: object[];
  }>(
    `{ predictions(project: "shop", endpoint: "line") { edges { node { ${fields} } } }
       predictionStatistics(project: "shop", endpoint: "line", bucketMs: 86400000) {
         predictions notFinite outcomes meanOutput minOutput maxOutput }
       liveMetrics(project: "shop", endpoint: "line") { count notFinite meanOutput meanOutcome rmse mae accuracy auc } }`,
  );
  const nodes = predictions.edges.map(({ node }) => node);
  assert.deepEqual(
    nodes.map(({ output }) => output),
    values,
  );
  assert.deepEqual(
    nodes.map(({ outputKind }) => outputKind),
    kinds,
  );
  assert.deepEqual(
    nodes.map(({ features, featureKinds }) => [features[0], featureKinds[0]]),
    values.map((value, i) => [value, kinds[i]]),
  );
  assert.ok(nodes.every(({ outcome }) => outcome === 1));
  assert.deepEqual(predictionStatistics, [
    { predictions: 5, notFinite: 3, outcomes: 5, meanOutput: 2, minOutput: 1, maxOutput: 3 },
  ]);
  assert.deepEqual(liveMetrics, [
    { count: 5, notFinite: 3, meanOutput: 2, meanOutcome: 1, rmse: Math.SQRT2, mae: 1, accuracy: 1, auc: null },
  ]);

  for (const [i, kind] of kinds.entries()) {
    const { prediction } = await client.query<{ prediction: Node }>(
      `{ prediction(project: "shop", id: "line-0-${i}") { output outputKind features featureKinds } }`,
    );
    assert.deepEqual([prediction.output, prediction.outputKind], [values[i], kind]);
  }

  type Vectors = { onlineFeatures: { vectors: { values: (number | null)[]; kinds: string[] }[] } };
  const vectors = await eventually("the features", async () => {
    const { onlineFeatures } = await client.query<Vectors>(
      `{ onlineFeatures(project: "shop", view: "totals", entities: ["k0", "k9", "k8"], at: ${at + 1000}) {
          vectors { values kinds } } }`,
    );
    return onlineFeatures.vectors[1].kinds[0] !== "NAN" && onlineFeatures.vectors;
  });
  assert.deepEqual(vectors, [
    { values: [1.5e308], kinds: ["FINITE"] },
    { values: [null], kinds: ["POSITIVE_INFINITY"] },
    { values: [null], kinds: ["NAN"] },
  ]);

  const proved = await verifySample(running.settings, running.platform.warehouseUrl, "shop", 100);
  assert.deepEqual(proved, { checked: 5, mismatches: [], missing: [] });
});

test("a metric tile leaves out what is not finite, for the hour's sums to say something", () => {
  const tile = newMetricTile("regression");
  addToTile(tile, 3, 1);
  for (const output of [Number.NaN, Number.POSITIVE_INFINITY]) addToTile(tile, output, 1);
  addToTile(tile, 1, Number.NEGATIVE_INFINITY);
  assert.deepEqual([tile[0], tile[1]], [1, 3]);
  assert.ok(tile.every(Number.isFinite));
  assert.ok(Object.values(summarizeTile("regression", tile, 0.5)).every(Number.isFinite));
});

test("a row whose outcome is not finite is not learned from, nor is another one twice for it", () => {
  const rows = labelledRows(1);
  for (const [i, label] of [Number.NaN, 1, Number.POSITIVE_INFINITY, 1e39, 0].entries()) {
    const at = rows.next(i, `k${i}`);
    rows.values[at] = i;
    rows.label(i, label);
  }
  const { matrix } = rows.matrix(["x"]);
  assert.deepEqual([matrix.rows, [...matrix.values], [...matrix.labels]], [2, [1, 4], [1, 0]]);
  assert.equal(rows.labelled, 2);
});

test("an error monitor goes on after a score that is not finite", () => {
  const definition = { kind: "error", deployment: "d", minInstances: 2, delta: 0, lambda: 1, alpha: 1 } as never;
  const monitors = errorMonitors([{ id: "m", project: "p", definition }] as never, {});
  const stage = { deployment: { id: "d" } } as DeploymentStage;
  const joined = (output: number): Joined =>
    ({ prediction: { model: "m", version: 1, output }, outcome: 0, time: 0, offset: 0 }) as unknown as Joined;
  let drifted = 0;
  const observe = (outputs: number[]): void => monitors.observe(stage, outputs.map(joined), () => (drifted += 1));
  observe([0, 0, Number.NaN, Number.POSITIVE_INFINITY]);
  assert.deepEqual(monitors.state(), { "m|m|1": { page: { ...newPageHinkley(), count: 2 }, since: 0, rows: 2 } });
  observe([5, 5, 5]);
  assert.ok(drifted > 0);
});
