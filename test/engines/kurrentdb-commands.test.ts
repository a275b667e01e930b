import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { KurrentDbOptions } from "../../infra/event-store/kurrentdb.ts";
import { ownStreams } from "../../schemas/own-streams.ts";
import { eventsOf, platform } from "../commands/platform.ts";
import { collect } from "../contracts/event-store.contract.ts";
import type { KurrentDbDouble } from "./kurrentdb-double.ts";
import { startedDouble } from "./kurrentdb-started.ts";

const started = async (t: TestContext, options: KurrentDbOptions = {}, rest: Parameters<typeof platform>[1] = {}) => {
  const { double, store } = await startedDouble(t, { streams: ownStreams, ...options });
  return { double, ...(await platform(t, { ...rest, store })) };
};

const askedOf = async (double: KurrentDbDouble, work: () => Promise<unknown>) => {
  const before = double.calls();
  await work();
  const after = double.calls();
  return { read: after.read - before.read, append: after.append - before.append };
};

test("a command on a stream that is there is one read and one append", async (t) => {
  const { double, send } = await started(t);
  await send("RegisterModel", { id: "m" });
  for (let i = 0; i < 3; i++) {
    const asked = await askedOf(double, () => send("SetModelTag", { model: "m", key: "k", value: String(i) }));
    assert.deepEqual(asked, { read: 1, append: 1 });
  }
  const nothing = await askedOf(double, () => send("SetModelTag", { model: "m", key: "k", value: "2" }));
  assert.deepEqual(nothing, { read: 1, append: 0 });
});

test("a server that hangs is told of within the command's time, and what became of the command", async (t) => {
  const { double, store, send } = await started(t, {}, { deadlineMs: 400 });
  await send("RegisterModel", { id: "m" });
  double.hang();
  const began = performance.now();
  // They take turns at one stream, and none waits for the time of the others.
  const commands = [1, 2, 3].map((i) => send("SetModelTag", { model: "m", key: `k${i}`, value: "v" }));
  for (const command of commands) {
    await assert.rejects(command, {
      code: "ENGINE_UNAVAILABLE",
      message: /nothing was written/,
      details: { outcome: "nothing-written" },
      retryable: true,
    });
  }
  assert.ok(performance.now() - began < 2_000);
  double.resume();
  // What was given up writes nothing afterwards.
  await send("SetModelTag", { model: "m", key: "after", value: "v" });
  assert.deepEqual(
    (await eventsOf(store, "model-shop/m")).map(({ type, data }) => [type, (data as { key?: string }).key]),
    [
      ["ModelRegistered", undefined],
      ["ModelTagSet", "after"],
    ],
  );
});

for (const [what, answerMs, deadlineMs] of [
  ["the command's", 10_000, 500],
  ["the store's", 500, 10_000],
] as const) {
  test(`an append that is not answered within ${what} time has an unknown outcome, and its key makes it safe to repeat`, async (t) => {
    const { double, store, send } = await started(t, { answerMs }, { deadlineMs });
    await send("RegisterModel", { id: "m" });
    const setTag = () => send("SetModelTag", { model: "m", key: "k", value: "v" }, { idempotencyKey: "once" });
    const { append } = store;
    store.append = (stream, ...rest) => {
      if (stream === "model-shop/m") double.hang();
      return append(stream, ...rest);
    };
    await assert.rejects(setTag(), {
      code: "ENGINE_UNAVAILABLE",
      message: /whether it was written is not known/,
      details: { outcome: "unknown" },
    });
    store.append = append;
    double.resume();
    await setTag();
    assert.equal((await eventsOf(store, "model-shop/m")).length, 2);
  });
}

test("a server that was restored under the platform is decided on as it is", async (t) => {
  const { double, store, send } = await started(t, {}, { recheckMs: 0 });
  await send("RegisterModel", { id: "m" });
  const restore = double.backup();
  await send("SetModelTag", { model: "m", key: "k", value: "lost" });
  await send("RegisterModel", { id: "later" });
  restore();
  double.dropSubscriptions();
  const { revision } = await send("SetModelTag", { model: "m", key: "k", value: "lost" });
  assert.equal(revision, 1);
  await assert.rejects(send("SetModelTag", { model: "later", key: "k", value: "v" }), { code: "NOT_FOUND" });
  assert.equal((await send("RegisterModel", { id: "later" })).revision, 0);
  assert.equal((await collect(store.readStream("model-shop/m"))).length, 2);
});

test("a stream that became shorter within a moment is read anew after the first refusal", async (t) => {
  const { double, store, send } = await started(t, {}, { recheckMs: 3_600_000 });
  await send("RegisterModel", { id: "m" });
  const restore = double.backup();
  await send("SetModelTag", { model: "m", key: "k", value: "lost" });
  restore();
  assert.equal((await send("SetModelTag", { model: "m", key: "k", value: "new" })).revision, 1);
  assert.equal((await collect(store.readStream("model-shop/m"))).length, 2);
});
