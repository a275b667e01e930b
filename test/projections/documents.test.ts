import assert from "node:assert/strict";
import { test } from "node:test";
import type { AsOfReader } from "../../projections/documents/as-of.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { modelFacts, modelVersion, trainingSpec } from "./facts.ts";
import { runDocuments } from "./snapshot.ts";
import { type Fact, record, type Stores, storesOf } from "./stores.ts";

const started = async (t: Parameters<typeof storesOf>[0], cacheSize?: number) => {
  const stores = storesOf(t);
  const running = runDocuments(stores);
  const reader = documentReader({ onlineStore: stores.onlineStore, cacheSize });
  stores.release(async () => {
    await reader.close();
    await running.stop();
  });
  const write = async (...facts: Fact[]): Promise<void> => reader.waitFor(await record(stores.eventStore, ...facts));
  return { stores, reader, write };
};

const project = (id: string, name: string, at: number): Fact => ({
  aggregate: "project",
  project: id,
  id,
  event: { type: "ProjectCreated", data: { name, description: "" } },
  at,
});

test("an event of a model's version touches the model and the version", async (t) => {
  const { reader, write } = await started(t);
  await write(...modelFacts("flights", "delays"));
  const model = await reader.get("models", "flights", "delays");
  assert.equal(model?.latestVersion, 1);
  assert.equal(model?.revision, 2);
  const version = await reader.get("modelVersions", "flights", "delays/1");
  assert.equal(version?.status, "approved");
  assert.equal(version?.model, "delays");
  assert.equal(version?.decidedBy, "ada");
  assert.equal(version?.position, model?.position);
  assert.equal(await reader.get("modelVersions", "flights", "delays/2"), null);
  assert.equal(await reader.get("models", "trains", "delays"), null);
});

test("a training job's life", async (t) => {
  const { reader, write } = await started(t);
  const job = (event: Fact["event"], at: number): Fact => ({
    aggregate: "training-job",
    project: "flights",
    id: "j1",
    event,
    at,
  });
  await write(job({ type: "TrainingJobSubmitted", data: trainingSpec }, 1));
  assert.equal((await reader.get("trainingJobs", "flights", "j1"))?.status, "submitted");
  await write(
    job({ type: "TrainingJobStarted", data: { worker: "w", attempt: 1 } }, 2),
    job({ type: "TrainingJobProgressed", data: { phase: "boosting", done: 3, total: 10, message: "" } }, 3),
  );
  assert.equal((await reader.get("trainingJobs", "flights", "j1"))?.progress.done, 3);
  await write(job({ type: "TrainingJobCompleted", data: { version: 1, rows: 10, metrics: { auc: 0.7 } } }, 4));
  const done = await reader.get("trainingJobs", "flights", "j1");
  assert.equal(done?.status, "completed");
  assert.equal(done?.result?.rows, 10);
  assert.equal(done?.createdAt, 1);
  assert.equal(done?.updatedAt, 4);
});

test("lists page by name and by time in both directions, and a renamed project moves", async (t) => {
  const { reader, write } = await started(t);
  await write(project("a", "delta", 4), project("b", "alpha", 3), project("c", "charlie", 2), project("d", "bravo", 1));
  const ids = async (options: Parameters<typeof reader.list>[2]): Promise<string[]> => {
    const found: string[] = [];
    let after: string | undefined;
    for (;;) {
      const page = await reader.list("projects", "", { ...options, after });
      assert.equal(page.total, 4);
      found.push(...page.items.map(({ node }) => node.id));
      if (!page.hasNext) return found;
      after = page.items[page.items.length - 1].cursor;
    }
  };
  for (const first of [1, 2, 3, 4, 1000]) {
    assert.deepEqual(await ids({ first }), ["b", "d", "c", "a"]);
    assert.deepEqual(await ids({ first, reverse: true }), ["a", "c", "d", "b"]);
    assert.deepEqual(await ids({ first, order: "created" }), ["d", "c", "b", "a"]);
  }
  await write({
    aggregate: "project",
    project: "b",
    id: "b",
    event: { type: "ProjectRenamed", data: { name: "zulu" } },
    at: 9,
  });
  assert.deepEqual(await ids({ first: 3 }), ["d", "c", "a", "b"]);
  assert.deepEqual(await ids({ first: 3, order: "updated", reverse: true }), ["b", "a", "c", "d"]);
});

test("versions are listed by number, not by text", async (t) => {
  const { reader, write } = await started(t);
  const version = (n: number): Fact => ({
    aggregate: "model",
    project: "flights",
    id: "delays",
    event: { type: "ModelVersionCreated", data: modelVersion(n) },
  });
  await write(...Array.from({ length: 11 }, (_, i) => version(i + 1)));
  const page = await reader.list("modelVersions", "flights", { first: 100 });
  assert.deepEqual(
    page.items.map(({ node }) => node.version),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  );
});

test("page sizes are bounded and cursors are checked", async (t) => {
  const { reader, write } = await started(t);
  await write(project("a", "a", 1), project("b", "b", 2));
  for (const first of [0, -1, 1001, 1.5, Number.NaN]) {
    await assert.rejects(reader.list("projects", "", { first }), { code: "BAD_REQUEST" });
  }
  await assert.rejects(reader.list("projects", "", { first: 1, after: "nonsense" }), { code: "BAD_REQUEST" });
  const { items } = await reader.list("projects", "", { first: 1, order: "name" });
  const other = reader.list("projects", "", { first: 1, order: "created", after: items[0].cursor });
  await assert.rejects(other, { code: "BAD_REQUEST", message: /order/ });
});

test("a read after waitFor is never older than the position, whatever is cached", async (t) => {
  const { reader, write } = await started(t, 2);
  await write(...modelFacts("flights", "delays"));
  for (let version = 2; version < 60; version++) {
    await write({
      aggregate: "model",
      project: "flights",
      id: "delays",
      event: { type: "ModelVersionCreated", data: modelVersion(version) },
    });
    const [model, again] = await Promise.all([
      reader.get("models", "flights", "delays"),
      reader.get("models", "flights", "delays"),
    ]);
    assert.equal(model?.latestVersion, version);
    assert.equal(again?.latestVersion, version);
  }
});

test("lost notices are found: the store's own position is asked", async (t) => {
  const stores = storesOf(t);
  const deaf: Stores = {
    ...stores,
    onlineStore: { ...stores.onlineStore, subscribe: async () => async () => {} },
  };
  const running = runDocuments(stores);
  const reader = documentReader({ onlineStore: deaf.onlineStore });
  stores.release(async () => {
    await reader.close();
    await running.stop();
  });
  await reader.waitFor(await record(stores.eventStore, ...modelFacts("flights", "delays")));
  assert.equal((await reader.get("models", "flights", "delays"))?.status, "active");
  await reader.waitFor(
    await record(stores.eventStore, {
      aggregate: "model",
      project: "flights",
      id: "delays",
      event: { type: "ModelArchived", data: {} },
    }),
  );
  assert.equal((await reader.get("models", "flights", "delays"))?.status, "archived");
});

test("a position that is not reached in time is PROJECTION_BEHIND, and a closed reader says so", async (t) => {
  const { stores, reader, write } = await started(t);
  await write(...modelFacts("flights", "delays"));
  await assert.rejects(reader.waitFor("1000", 50), { code: "PROJECTION_BEHIND", message: /position 3/ });
  const other = documentReader({ onlineStore: stores.onlineStore });
  const waiting = assert.rejects(other.waitFor("1000", 60_000), { code: "CLOSED" });
  await other.get("models", "flights", "delays");
  await other.close();
  await waiting;
});

test("reads as of a moment go to the warehouse", async (t) => {
  const stores = storesOf(t);
  const { onlineStore } = stores;
  const asked: unknown[] = [];
  const asOf: AsOfReader = {
    async get(...request) {
      asked.push(request);
      return { id: "delays" };
    },
    async list(...request) {
      asked.push(request);
      return { items: [{ cursor: "c", node: { id: "delays" } }], hasNext: true };
    },
  };
  const reader = documentReader({ onlineStore, asOf });
  const without = documentReader({ onlineStore });
  stores.release(async () => {
    await reader.close();
    await without.close();
  });
  assert.equal((await reader.get("models", "flights", "delays", { asOf: 5 }))?.id, "delays");
  const page = await reader.list("projects", "flights", { first: 3, asOf: 5, order: "created" });
  assert.deepEqual(page, { items: [{ cursor: "c", node: { id: "delays" } }], hasNext: true, total: null });
  assert.deepEqual(asked, [
    ["models", "flights", "delays", 5],
    ["projects", "*", { at: 5, first: 3, order: "created" }],
  ]);
  await assert.rejects(without.get("models", "flights", "delays", { asOf: 5 }), { code: "BAD_REQUEST" });
  assert.deepEqual((await without.list("models", "flights", { first: 1 })).items, []);
});
