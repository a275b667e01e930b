import assert from "node:assert/strict";
import { test } from "node:test";
import { collect, newEvent } from "../contracts/event-store.contract.ts";
import { faultsOf, openedStore, registered, startedDouble, strange, tagged } from "./kurrentdb-started.ts";

test("streams of others on the same server are neither read nor followed, nor are they the head", async (t) => {
  const { double, store } = await startedDouble(t);
  for (const event of Object.values(strange)) double.writeForeign("orders-1", event);
  double.writeForeign("modelling-1");
  const { position } = await store.append("model-p/m", [registered()], "no-stream");
  for (const event of Object.values(strange)) double.writeForeign("orders-1", event);
  double.writeStatistics();
  assert.equal(await store.head(), position);
  assert.deepEqual(
    (await collect(store.readAll())).map(({ stream }) => stream),
    ["model-p/m"],
  );
  const stop = new AbortController();
  const followed: string[] = [];
  const following = (async () => {
    for await (const message of store.subscribe({ signal: stop.signal })) {
      if (message.type === "event") followed.push(message.event.stream);
      if (followed.length === 2) stop.abort();
    }
  })();
  double.writeForeign("orders-1");
  await store.append("model-p/n", [registered()], "no-stream");
  await following;
  assert.deepEqual(followed, ["model-p/m", "model-p/n"]);
  assert.deepEqual(await faultsOf(store), []);
  assert.equal(store.faults().size, 0);
});

for (const [what, event] of Object.entries(strange)) {
  test(`${what} in a stream of ours stops that stream alone, and is named`, async (t) => {
    const { double, store } = await startedDouble(t);
    await store.append("model-p/m", [registered()], "no-stream");
    double.writeForeign("model-p/m", event);
    double.writeForeign("model-p/m", event);
    await store.append("model-p/n", [registered(), tagged()], "no-stream");
    const code = event?.type === "ModelPainted" ? "UNKNOWN_EVENT" : "UNREADABLE_EVENT";

    await assert.rejects(collect(store.readStream("model-p/m")), (error: Error & { code: string; details: object }) => {
      assert.equal(error.code, code);
      assert.match(error.message, /model-p\/m cannot be read from revision 1 on \(position \d+\)/);
      assert.deepEqual(Object.keys(error.details), ["stream", "revision", "position"]);
      return true;
    });
    const read = await collect(store.readAll());
    assert.deepEqual(
      read.map(({ stream, revision }) => `${stream} ${revision}`),
      ["model-p/m 0", "model-p/n 0", "model-p/n 1"],
    );
    assert.deepEqual([...store.faults().keys()], ["model-p/m"]);
    assert.deepEqual(await faultsOf(store), [{ code, stream: "model-p/m" }]);
  });
}

test("a follower learns the positions of what it is not shown, so that it reaches the head", async (t) => {
  const { double, store } = await startedDouble(t);
  await store.append("model-p/m", [registered()], "no-stream");
  double.writeForeign("model-p/m");
  const stop = new AbortController();
  const head = await store.head();
  const seen: string[] = [];
  for await (const message of store.subscribe({ signal: stop.signal })) {
    seen.push(message.type);
    if (message.type === "caughtUp") assert.equal(message.position, head);
    if (message.type === "caughtUp") double.writeForeign("model-p/m");
    if (seen.length === 4) stop.abort();
  }
  assert.deepEqual(seen, ["event", "skipped", "caughtUp", "skipped"]);
});

test("two installations with a name each share a server and see nothing of each other", async (t) => {
  const { double, store: bare } = await startedDouble(t);
  const [one, two] = [
    await openedStore(t, `${double.url}&prefix=one`),
    await openedStore(t, `${double.url}&prefix=two`),
  ];
  for (const [i, store] of [bare, one, two].entries()) {
    await store.append("model-p/m", [registered(), tagged(String(i))], "no-stream");
  }
  for (const [i, store] of [bare, one, two].entries()) {
    assert.deepEqual(
      (await collect(store.readAll())).map(({ stream, data }) => [stream, (data as { value?: string }).value]),
      [
        ["model-p/m", undefined],
        ["model-p/m", String(i)],
      ],
    );
    assert.equal((await collect(store.readStream("model-p/m"))).length, 2);
    assert.deepEqual(await faultsOf(store), []);
  }
  assert.notEqual(await one.head(), await two.head());
});

test("a stream whose kind no list names is not written", async (t) => {
  const { store } = await startedDouble(t);
  await assert.rejects(store.append("orders-1", [newEvent("OrderPlaced")], "any"), { code: "INTERNAL" });
});
