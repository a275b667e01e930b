import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { commandBus } from "../../commands/bus.ts";
import { localAdmin } from "../../commands/gate.ts";
import { digestOf, sameValue, uuidv5 } from "../../commands/identity.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { canonicalJson } from "../../schemas/canonical-json.ts";
import { eventsOf, noChecks, platform, temporaryDirectory } from "./platform.ts";
import { artifact, training } from "./samples.ts";
import { now } from "./specification.ts";

const key = { idempotencyKey: "k1" };

test("a retry answers as the first time, whatever has happened since", async (t) => {
  const { store, send } = await platform(t);
  await send("RegisterModel", { id: "payer" });
  await send("CreateModelVersion", { model: "payer", artifact });
  const first = await send("ApproveModelVersion", { model: "payer", version: 1, comment: "good" }, key);
  await send("RejectModelVersion", { model: "payer", version: 1, comment: "bad" });
  const again = await send("ApproveModelVersion", { model: "payer", version: 1, comment: "good" }, key);
  assert.deepEqual(again, { ...first, deduplicated: true });
  assert.equal((await eventsOf(store, "model-shop/payer")).length, 4);
});

test("a command of several events is found whole", async (t) => {
  const { send } = await platform(t);
  const create = () => send("CreateProject", { id: "other", name: "x" }, { ...key, project: "other" });
  const first = await create();
  assert.deepEqual(first.events, ["ProjectCreated", "MemberGranted"]);
  assert.deepEqual(await create(), { ...first, deduplicated: true });
});

test("a key belongs to one command, also on another aggregate", async (t) => {
  const { send } = await platform(t);
  await send("RegisterModel", { id: "payer" }, key);
  const conflict = { code: "IDEMPOTENCY_CONFLICT", message: /"k1"/ };
  await assert.rejects(send("RegisterModel", { id: "payer", description: "x" }, key), conflict);
  await assert.rejects(send("RegisterModel", { id: "other" }, key), conflict);
  await assert.rejects(send("ArchiveModel", { model: "payer" }, key), conflict);
  await send("CreateProject", { id: "next", name: "Next" }, { project: "next" });
  await send("RegisterModel", { id: "payer", description: "x" }, { ...key, project: "next" });
});

test("a refused command does not use up its key", async (t) => {
  const { send } = await platform(t);
  await assert.rejects(send("ArchiveModel", { model: "payer" }, key), { code: "NOT_FOUND" });
  assert.equal((await send("RegisterModel", { id: "payer" }, key)).deduplicated, false);
});

test("retries at the same moment do it once", async (t) => {
  const { store, send } = await platform(t);
  const results = await Promise.all(
    Array.from({ length: 10 }, () => send("SubmitTrainingJob", { spec: training }, key)),
  );
  assert.equal(new Set(results.map(({ id }) => id)).size, 1);
  assert.equal(results.filter(({ deduplicated }) => !deduplicated).length, 1);
  assert.equal((await eventsOf(store, results[0].stream)).length, 1);
});

test("two processes with one key: one command gets it, and does it once", async (t) => {
  const path = join(temporaryDirectory(t), "events.db");
  const here = await platform(t, { store: sqliteEventStore(path) });
  const there = await platform(t, { store: sqliteEventStore(path) });
  for (let i = 0; i < 20; i++) {
    const race = { idempotencyKey: `race-${i}` };
    const same = [here, there].map(({ send }) => send("RegisterModel", { id: `same-${i}` }, race));
    const [one, other] = await Promise.all(same);
    assert.equal(one.position, other.position);
    const contest = { idempotencyKey: `contest-${i}` };
    const results = await Promise.allSettled([
      here.send("RegisterModel", { id: `a-${i}` }, contest),
      there.send("RegisterModel", { id: `b-${i}` }, contest),
    ]);
    const refusals = results.filter((result) => result.status === "rejected");
    assert.equal(refusals.length, 1);
    assert.equal(refusals[0].reason.code, "IDEMPOTENCY_CONFLICT");
  }
});

test("a crash between receipt and events is made good by the retry", async (t) => {
  const { store, send } = await platform(t);
  const crashing: EventStore = {
    ...store,
    async append(stream, events, expected) {
      if (stream.startsWith("model-")) throw new Error("the power went out");
      return store.append(stream, events, expected);
    },
  };
  const bus = commandBus({
    eventStore: crashing,
    checks: noChecks,
    gate: { authorize: async () => {} },
    clock: () => now,
  });
  const request = { type: "RegisterModel", project: "shop", payload: { id: "payer" }, actor: localAdmin, ...key };
  await assert.rejects(bus.dispatch(request), /power/);
  const retried = await send("RegisterModel", { id: "payer" }, key);
  assert.deepEqual([retried.events, retried.deduplicated], [["ModelRegistered"], false]);
  assert.equal((await send("RegisterModel", { id: "payer" }, key)).deduplicated, true);
});

test("receipts are no aggregates: nobody who follows aggregates sees them", async (t) => {
  const { store, send } = await platform(t);
  await send("RegisterModel", { id: "payer" }, key);
  const seen: string[] = [];
  for await (const { stream } of store.readAll({ prefixes: ["project-", "model-"] })) seen.push(stream);
  assert.deepEqual(seen, ["project-shop/shop", "project-shop/shop", "model-shop/payer"]);
});

test("derived ids are UUIDs of version 5", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      assert.match(uuidv5(a), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      assert.equal(uuidv5(a) === uuidv5(b), a === b);
    }),
  );
});

test("canonical JSON does not depend on the order of keys", () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, inner]) => [name, reversed(inner)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(canonicalJson(reversed(value)), canonicalJson(value));
      assert.equal(digestOf(reversed(value)), digestOf(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.ok(!sameValue({ a: 1 }, { a: 2 }));
});
