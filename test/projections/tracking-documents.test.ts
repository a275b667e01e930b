import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { documentReader } from "../../projections/documents/reader.ts";
import type { LifecycleEvent } from "../../schemas/lifecycle.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { runDocuments } from "./snapshot.ts";
import { type Fact, record, storesOf } from "./stores.ts";

const started = (t: Parameters<typeof storesOf>[0]) => {
  const stores = storesOf(t);
  const running = runDocuments(stores);
  const reader = documentReader({ onlineStore: stores.onlineStore });
  stores.release(async () => {
    await reader.close();
    await running.stop();
  });
  const write = async (...facts: Fact[]): Promise<void> => reader.waitFor(await record(stores.eventStore, ...facts));
  return { reader, write };
};

type Recorded = { stream: string; type: string; data: unknown };

/** The history of release 0.2, as facts to be written again. */
const history = (): Fact[] => {
  const file = new URL("../histories/0.2-tracking.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as Recorded[]).map(({ stream, type, data }, i) => {
    const name = parseStreamName(stream);
    assert.ok(name);
    return { ...name, event: { type, data } as LifecycleEvent, at: i };
  });
};

test("experiments, runs and logged models are what their events made them", async (t) => {
  const { reader, write } = started(t);
  await write(...history());
  const experiment = await reader.get("experiments", "lab", "7");
  assert.equal(experiment?.name, "forests");
  assert.deepEqual(experiment?.tags, { goal: "auc" });
  assert.equal(experiment?.status, "active");
  const run = await reader.get("runs", "lab", "0a".repeat(16));
  assert.ok(run);
  const { experiment: within, name, user, status, endTime, params, tags, inputs, outputs, lifecycle } = run;
  assert.deepEqual([within, name, user, status, lifecycle], ["7", "best", "ann", "FINISHED", "active"]);
  assert.equal(endTime, 1795132900000);
  assert.deepEqual(params, { depth: "6", trees: "100" });
  assert.deepEqual(tags, { "mlflow.runName": "best", team: "a" });
  assert.deepEqual(
    inputs.datasets.map(({ name, digest }) => [name, digest]),
    [["flights", "1f"]],
  );
  assert.deepEqual(outputs, [{ model: `m-${"0b".repeat(16)}`, step: 3 }]);
  const model = await reader.get("loggedModels", "lab", `m-${"0b".repeat(16)}`);
  assert.deepEqual([model?.status, model?.lifecycle, model?.run], ["READY", "deleted", run.id]);
  assert.deepEqual([model?.params, model?.tags], [{ depth: "6", trees: "100" }, { team: "a" }]);
});

const run = (id: string, experiment: string, at: number): Fact => ({
  aggregate: "run",
  project: "lab",
  id,
  event: { type: "RunCreated", data: { experiment, name: id, user: "", startTime: at, tags: {} } },
  at,
});

test("runs are listed by project and by experiment, in every order", async (t) => {
  const { reader, write } = started(t);
  await write(run("a", "1", 1), run("b", "2", 2), run("c", "1", 3), run("d", "1", 4));
  await write({ aggregate: "run", project: "lab", id: "a", event: { type: "RunDeleted", data: {} }, at: 9 });
  const ids = async (options: { experiment?: string; order?: "name" | "created" | "updated"; after?: string }) => {
    const page = await reader.list("runs", "lab", { first: 2, ...options });
    return [...page.items.map(({ node }) => node.id), page.hasNext, page.total];
  };
  assert.deepEqual(await ids({}), ["a", "b", true, 4]);
  assert.deepEqual(await ids({ experiment: "1" }), ["a", "c", true, 3]);
  assert.deepEqual(await ids({ experiment: "1", order: "created" }), ["a", "c", true, 3]);
  assert.deepEqual(await ids({ experiment: "1", order: "updated" }), ["c", "d", true, 3]);
  assert.deepEqual(await ids({ experiment: "2" }), ["b", false, 1]);
  assert.deepEqual(await ids({ experiment: "3" }), [false, 0]);
  const { items } = await reader.list("runs", "lab", { first: 2, experiment: "1" });
  assert.deepEqual(await ids({ experiment: "1", after: items[1].cursor }), ["d", false, 3]);
  const wrong = reader.list("models", "lab", { first: 1, experiment: "1" });
  await assert.rejects(wrong, { code: "BAD_REQUEST", message: /experiment: models/ });
});

test("experiments are listed by name, and a new name moves them", async (t) => {
  const { reader, write } = started(t);
  const experiment = (id: string, event: LifecycleEvent, at: number): Fact => ({
    aggregate: "experiment",
    project: "lab",
    id,
    event,
    at,
  });
  const data = { artifactLocation: null, tags: {} };
  await write(
    experiment("9", { type: "ExperimentCreated", data: { name: "a", ...data } }, 1),
    experiment("5", { type: "ExperimentCreated", data: { name: "b", ...data } }, 2),
    experiment("9", { type: "ExperimentRenamed", data: { name: "c" } }, 3),
  );
  const { items } = await reader.list("experiments", "lab", { first: 10 });
  assert.deepEqual(
    items.map(({ node }) => node.name),
    ["b", "c"],
  );
});
