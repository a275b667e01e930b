import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { START } from "../../infra/event-store/port.ts";
import { targetResolver } from "../../projections/documents/collections.ts";
import { documentsPrefix } from "../../projections/documents/keys.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { liveKey, readGeneration } from "../../projections/generations.ts";
import { histories, modelFacts } from "./facts.ts";
import { projectsOf, runDocuments, snapshotOf } from "./snapshot.ts";
import { openStores, record, storesOf } from "./stores.ts";

const liveGeneration = async (stores: Parameters<typeof runDocuments>[0]) =>
  readGeneration(stores.onlineStore, liveKey("documents"));

test("documents built in one go, in batches with restarts, and by rebuild are equal", async () => {
  const history = fc.tuple(histories, fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 60 }));
  await fc.assert(
    fc.asyncProperty(history, async ([facts, maxEvents, cut]) => {
      const stores = openStores();
      try {
        await record(stores.eventStore, ...facts.slice(0, cut));
        const first = runDocuments(stores, { maxEvents });
        await first.caughtUp;
        await first.stop();
        if (facts.length > cut) await record(stores.eventStore, ...facts.slice(cut));
        const second = runDocuments(stores, { maxEvents });
        await second.caughtUp;
        const inBatches = await snapshotOf(stores, projectsOf(facts));
        const { generation } = await second.rebuild();
        assert.equal(generation, 2);
        const rebuilt = await snapshotOf(stores, projectsOf(facts));
        await second.stop();
        assert.deepEqual(rebuilt, inBatches);
        assert.deepEqual(latestOf(rebuilt), await foldedAtOnce(stores));
      } finally {
        await stores.close();
      }
    }),
    { numRuns: 25 },
  );
});

/** Documents by collection and id, folded without runtime, store or batches. */
const foldedAtOnce = async (stores: Parameters<typeof runDocuments>[0]): Promise<Map<string, unknown>> => {
  const documents = new Map<string, unknown>();
  const targetsOf = targetResolver();
  for await (const event of stores.eventStore.readAll()) {
    for (const { collection, home, id, project } of targetsOf(event)) {
      const key = `${collection}:${home}:${id}`;
      const document = project((documents.get(key) ?? null) as never, event);
      if (document !== null) documents.set(key, document);
    }
  }
  return new Map([...documents].sort(([a], [b]) => (a < b ? -1 : 1)));
};

const latestOf = (snapshot: Awaited<ReturnType<typeof snapshotOf>>): Map<string, unknown> => {
  const documents = new Map<string, unknown>();
  for (const [place, nodes] of Object.entries(snapshot)) {
    const [project, collection] = place.split("/");
    const home = collection === "projects" ? "*" : project;
    for (const node of nodes) documents.set(`${collection}:${home}:${node.id}`, node);
  }
  return new Map([...documents].sort(([a], [b]) => (a < b ? -1 : 1)));
};

test("a new version is built beside the old one, takes over when it has caught up, and the old one is cleared", async (t) => {
  const stores = storesOf(t);
  await record(stores.eventStore, ...modelFacts("flights", "delays"));
  const old = runDocuments(stores, { version: 1 });
  await old.caughtUp;
  await old.stop();
  const position = await record(stores.eventStore, ...modelFacts("flights", "other"));
  const reader = documentReader({ onlineStore: stores.onlineStore });
  stores.release(() => reader.close());
  assert.equal(await reader.get("models", "flights", "other"), null);
  const next = runDocuments(stores, { version: 2 });
  await reader.waitFor(position);
  assert.equal((await reader.get("models", "flights", "other"))?.latestVersion, 1);
  assert.equal((await reader.get("models", "flights", "delays"))?.latestVersion, 1);
  await next.caughtUp;
  await next.stop();
  const live = await liveGeneration(stores);
  assert.equal(live?.version, 2);
  assert.equal(live?.generation, 2);
  assert.equal(await stores.onlineStore.get(`${documentsPrefix(1)}models:flights:delays`), null);
  assert.equal(await stores.onlineStore.count(`${documentsPrefix(1)}models:flights:name`), 0);
});

test("reads go on while a rebuild runs, and events that come meanwhile are in both generations", async (t) => {
  const stores = storesOf(t);
  for (let i = 0; i < 50; i++) await record(stores.eventStore, ...modelFacts("flights", `model-${i}`));
  const running = runDocuments(stores, { maxEvents: 5 });
  await running.caughtUp;
  const reader = documentReader({ onlineStore: stores.onlineStore });
  stores.release(() => reader.close());
  let during = 0;
  let last = START;
  const rebuilt = running.rebuild(() => {
    during++;
  });
  for (let i = 0; i < 20; i++) {
    last = await record(stores.eventStore, ...modelFacts("flights", `late-${i}`));
    await reader.waitFor(last);
    assert.equal((await reader.get("models", "flights", `late-${i}`))?.latestVersion, 1);
    assert.equal((await reader.get("models", "flights", "model-7"))?.latestVersion, 1);
  }
  const result = await rebuilt;
  assert.ok(during > 10);
  assert.ok(result.events >= 150);
  await reader.waitFor(last);
  assert.equal((await reader.list("models", "flights", { first: 1000 })).total, 70);
  assert.equal((await liveGeneration(stores))?.generation, 2);
  await running.stop();
});

test("a rebuild that was interrupted goes on at the next start", async (t) => {
  const stores = storesOf(t);
  for (let i = 0; i < 20; i++) await record(stores.eventStore, ...modelFacts("flights", `model-${i}`));
  const first = runDocuments(stores, { maxEvents: 3 });
  await first.caughtUp;
  let seen = 0;
  const reached = Promise.withResolvers<void>();
  const rebuild = first.rebuild(({ events }) => {
    seen = events;
    if (events >= 9) reached.resolve();
  });
  await reached.promise;
  const refused = assert.rejects(rebuild, { code: "CLOSED" });
  await first.stop();
  await refused;
  assert.ok(seen < 60);
  assert.equal((await liveGeneration(stores))?.generation, 1);
  const second = runDocuments(stores, { maxEvents: 3 });
  await second.caughtUp;
  const { events } = await second.rebuild();
  assert.ok(events < 60, "it began where the first had stopped");
  assert.equal((await liveGeneration(stores))?.generation, 2);
  await second.stop();
});
