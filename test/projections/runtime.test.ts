import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { StoredEvent } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { documentsChannel, lifecycleChannel } from "../../projections/documents/projection.ts";
import { eventBatches } from "../../projections/event-batches.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { Stage } from "../../schemas/lifecycle/model.ts";
import type { LifecycleEvent } from "../../schemas/lifecycle.ts";
import { modelFacts } from "./facts.ts";
import { runDocuments, until } from "./snapshot.ts";
import { newEvent, record, storesOf } from "./stores.ts";

test("batches hold every event once, are bounded, and say when history is over", async (t) => {
  const { eventStore } = storesOf(t);
  for (let i = 0; i < 10; i++) await record(eventStore, ...modelFacts("flights", `model-${i}`));
  const stopping = new AbortController();
  const seen: StoredEvent[] = [];
  let marks = 0;
  const options = { after: "0", signal: stopping.signal, maxEvents: 7, lingerMs: 0 };
  let appended = false;
  for await (const batch of eventBatches(eventStore, options)) {
    assert.ok(batch.events.length <= 7);
    seen.push(...batch.events);
    if (!batch.caughtUp) continue;
    marks++;
    if (!appended) {
      appended = true;
      await record(eventStore, ...modelFacts("flights", "live"));
    } else if (seen.length === 33) stopping.abort();
  }
  assert.ok(marks >= 2);
  assert.deepEqual(
    seen.map(({ position }) => position),
    Array.from({ length: 33 }, (_, i) => String(i + 1)),
  );
});

test("an abandoned loop over batches ends its subscription", async (t) => {
  const { eventStore } = storesOf(t);
  await record(eventStore, ...modelFacts("flights", "delays"));
  const signal = new AbortController().signal;
  for await (const batch of eventBatches(eventStore, { after: "0", signal, maxEvents: 2, lingerMs: 50 })) {
    assert.equal(batch.events.length, 2);
    break;
  }
});

test("it goes on where it stopped, and tells of live events only", async (t) => {
  const stores = storesOf(t);
  await record(stores.eventStore, ...modelFacts("flights", "delays"));
  const positions: string[] = [];
  const told: string[] = [];
  const lifecycle: unknown[] = [];
  await stores.onlineStore.subscribe(documentsChannel, (message) => told.push(message));
  await stores.onlineStore.subscribe(lifecycleChannel, (message) => lifecycle.push(JSON.parse(message)));
  const first = runDocuments(stores, { onPosition: (position) => positions.push(position) });
  await first.caughtUp;
  await first.stop();
  assert.deepEqual(positions, ["3"]);
  const second = runDocuments(stores, { onPosition: (position) => positions.push(position) });
  await second.caughtUp;
  assert.deepEqual(positions, ["3"]);
  await record(stores.eventStore, {
    aggregate: "model",
    project: "flights",
    id: "delays",
    event: { type: "ModelVersionRejected", data: { version: 1, comment: "drifts" } },
    at: 5000,
  });
  await until(() => told.length === 2 && lifecycle.length === 1);
  await second.stop();
  assert.deepEqual(positions, ["3", "4"]);
  assert.deepEqual(
    told.map((message) => JSON.parse(message)),
    [
      { collection: "models", project: "flights", id: "delays", position: "4", type: "ModelVersionRejected" },
      { collection: "modelVersions", project: "flights", id: "delays/1", position: "4", type: "ModelVersionRejected" },
    ],
  );
  assert.deepEqual(lifecycle, [
    {
      project: "flights",
      stream: "model-flights/delays",
      type: "ModelVersionRejected",
      position: "4",
      at: 5000,
      actor: "ada",
    },
  ]);
});

test("a full disk holds the projection up until there is room; nothing is lost", async (t) => {
  const stores = storesOf(t);
  await record(stores.eventStore, ...modelFacts("flights", "delays"));
  let refusals = 0;
  const onlineStore: typeof stores.onlineStore = {
    ...stores.onlineStore,
    setMany(entries, index) {
      const isBatch = entries.some(({ key }) => key.startsWith("doc:"));
      if (isBatch && refusals++ < 2) return Promise.reject(new MillraceError("STORAGE_FULL", "The disk is full."));
      return stores.onlineStore.setMany(entries, index);
    },
  };
  const running = runDocuments({ ...stores, onlineStore });
  await running.caughtUp;
  assert.equal(refusals, 3);
  const stored = await stores.onlineStore.get("doc:1:models:flights:delays");
  assert.equal(JSON.parse(String(stored)).latestVersion, 1);
  await running.stop();
});

test("an event of a later release stops its own stream, and is folded by a release that reads it", async (t) => {
  const stores = storesOf(t);
  const [fact] = modelFacts("flights", "delays");
  const [other] = modelFacts("flights", "arrivals");
  await record(stores.eventStore, fact);
  const event = { type: "ModelTagSet", data: { key: "team", value: "ops" } } as const;
  const later = newEvent({ ...fact, event });
  await stores.eventStore.append("model-flights/delays", [{ ...later, type: "ModelTeleported" }], "any");
  await record(stores.eventStore, other);
  const document = async (key: string) => JSON.parse(String(await stores.onlineStore.get(key)));
  const running = runDocuments(stores);
  await running.caughtUp;
  assert.deepEqual((await document("doc:1:models:flights:delays")).tags, {});
  assert.equal((await document("doc:1:models:flights:arrivals")).id, "arrivals");
  await running.stop();

  const again = runDocuments(stores);
  await again.caughtUp;
  await again.stop();
  assert.equal(await stores.onlineStore.get("doc:2:models:flights:delays"), null);

  // A release that knows the type would read it so.
  const db = new DatabaseSync(stores.path);
  db.exec("UPDATE events SET type = 'ModelTagSet' WHERE type = 'ModelTeleported'");
  db.close();
  const eventStore = sqliteEventStore(stores.path);
  t.after(() => eventStore.close());
  const upgraded = runDocuments({ ...stores, eventStore });
  await upgraded.caughtUp;
  assert.deepEqual((await document("doc:2:models:flights:delays")).tags, { team: "ops" });
  await upgraded.stop();
});

test("an event whose data are not those of its type stops its own stream alone", async (t) => {
  const stores = storesOf(t);
  const [fact] = modelFacts("flights", "delays");
  const staged = (stage: Stage): LifecycleEvent => ({
    type: "ModelVersionStageChanged",
    data: { version: 1, stage, from: "None", archived: [], rollback: false, comment: "" },
  });
  await record(stores.eventStore, ...modelFacts("flights", "delays"));
  for (const stage of ["Staging", "Production"] as const) {
    await record(stores.eventStore, { ...fact, event: staged(stage) });
  }
  await record(stores.eventStore, ...modelFacts("flights", "arrivals"));
  const db = new DatabaseSync(stores.path);
  db.exec("UPDATE events SET data = '{}' WHERE type = 'ModelVersionStageChanged'");
  db.close();
  const running = runDocuments(stores);
  await running.caughtUp;
  await record(stores.eventStore, ...modelFacts("flights", "later"));
  await until(async () => (await stores.onlineStore.get("doc:1:models:flights:later")) !== null);
  const document = async (id: string) => JSON.parse(String(await stores.onlineStore.get(`doc:1:models:flights:${id}`)));
  assert.equal((await document("arrivals")).latestVersion, 1);
  assert.equal((await document("delays")).id, "delays");
  assert.deepEqual(JSON.parse(String(await stores.onlineStore.get("doc:1:skipped"))), ["model-flights/delays"]);
  await running.stop();
});
