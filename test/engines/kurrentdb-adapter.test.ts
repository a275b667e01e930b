import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, describe, type TestContext, test } from "node:test";
import { kurrentDbEventStore } from "../../infra/event-store/kurrentdb.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { collect, eventStoreContract, newEvent } from "../contracts/event-store.contract.ts";
import { type KurrentDbDouble, kurrentDbDouble } from "./kurrentdb-double.ts";

describe("the adapter over KurrentDB's protocol", () => {
  let double: Promise<KurrentDbDouble> | undefined;
  after(async () => (await double)?.close());

  const open = async () => {
    double ??= kurrentDbDouble();
    (await double).writeStatistics();
    return kurrentDbEventStore((await double).url);
  };
  eventStoreContract("kurrentdb's client and a double of its server", open, { events: 150 });
});

const started = async (t: TestContext) => {
  const double = await kurrentDbDouble();
  const store = await kurrentDbEventStore(double.url);
  t.after(async () => {
    await store.close();
    double.close();
  });
  return { double, store };
};

const failureOf = async (action: Promise<unknown>): Promise<MillraceError> => {
  const error = await action.then(
    () => assert.fail("expected a refusal"),
    (refusal: unknown) => refusal,
  );
  assert.ok(error instanceof MillraceError, String(error));
  return error;
};

for (const expected of ["no-stream", "any", 0n] as const) {
  test(`an append (${expected}) whose answer is lost is found, not written again`, async (t) => {
    const { double, store } = await started(t);
    if (expected === 0n) await store.append("a-p/1", [newEvent("Before")], "no-stream");
    double.loseNextAnswer();
    const events = [newEvent("One"), newEvent("Two")];
    const answer = await store.append("a-p/1", events, expected);
    assert.equal(answer.revision, expected === 0n ? 2n : 1n);
    const written = await collect(store.readStream("a-p/1"));
    assert.deepEqual(
      written.slice(-2).map(({ id }) => id),
      events.map(({ id }) => id),
    );
    assert.equal(written.at(-1)?.position, answer.position);
    assert.equal(written.length, expected === 0n ? 3 : 2);
  });
}

test("a retry at an exact revision answers as the first time, whatever came after", async (t) => {
  const { store } = await started(t);
  await store.append("a-p/1", [newEvent("Before")], "no-stream");
  const events = [newEvent("One"), newEvent("Two")];
  const first = await store.append("a-p/1", events, 0n);
  for (let i = 0; i < 40; i++) await store.append("a-p/1", [newEvent("After")], "any");
  assert.deepEqual(await store.append("a-p/1", events, 0n), { ...first, deduplicated: true });
  assert.equal((await failureOf(store.append("a-p/1", [newEvent("Other")], 0n))).code, "WRONG_EXPECTED_REVISION");
});

test("streams of more than a page are read whole, forwards and from a revision", async (t) => {
  const { store } = await started(t);
  const events = Array.from({ length: 1100 }, (_, i) => newEvent("E", { i }));
  await store.append("a-p/1", events, "no-stream");
  const numbers = async (items: ReturnType<typeof store.readAll>) =>
    (await collect(items)).map(({ data }) => (data as { i: number }).i);
  assert.deepEqual(await numbers(store.readStream("a-p/1")), [...events.keys()]);
  assert.deepEqual(await numbers(store.readStream("a-p/1", 600n)), [...events.keys()].slice(600));
  assert.deepEqual(await numbers(store.readAll()), [...events.keys()]);
  assert.deepEqual(await numbers(store.readAll({ limit: 700 })), [...events.keys()].slice(0, 700));
  assert.deepEqual(await collect(store.readStream("a-p/1", 1100n)), []);
});

test("a subscription that breaks goes on with the next event, and marks once that it caught up", async (t) => {
  const { double, store } = await started(t);
  await store.append("a-p/1", [newEvent("E", { i: 0 })], "no-stream");
  const stop = new AbortController();
  const messages = store.subscribe({ prefixes: ["a-"], signal: stop.signal })[Symbol.asyncIterator]();
  const next = async () => (await messages.next()).value;
  assert.equal((await next()).event.data.i, 0);
  assert.equal((await next()).type, "caughtUp");
  let count = 1;
  for (let round = 0; round < 3; round++) {
    await store.append("a-p/1", [newEvent("E", { i: count++ })], "any");
    assert.equal((await next()).event.data.i, count - 1);
    assert.equal(double.dropSubscriptions(), 1);
    await store.append("a-p/1", [newEvent("E", { i: count++ }), newEvent("E", { i: count++ })], "any");
    double.writeStatistics();
    assert.equal((await next()).event.data.i, count - 2);
    assert.equal((await next()).event.data.i, count - 1);
    const waiting = next();
    await store.append("a-p/2", [newEvent("E", { i: count++ })], "any");
    assert.equal((await waiting).event.data.i, count - 1);
  }
  stop.abort();
  assert.equal((await messages.next()).done, true);
});

test("what the server writes for itself is neither read nor the head", async (t) => {
  const { double, store } = await started(t);
  double.writeStatistics();
  assert.equal(await store.head(), "0");
  const { position } = await store.append("a-p/1", [newEvent("E")], "no-stream");
  double.writeStatistics();
  assert.equal(await store.head(), position);
  assert.equal((await collect(store.readAll())).length, 1);
});

test("an id that is no UUID is refused", async (t) => {
  const { store } = await started(t);
  const refusal = await failureOf(store.append("a-p/1", [{ ...newEvent("E"), id: "one" }], "any"));
  assert.equal(refusal.code, "BAD_REQUEST");
});

test("refused credentials are ENGINE_REFUSED, when it opens and later", async (t) => {
  const { double, store } = await started(t);
  double.refuseCredentials();
  assert.equal((await failureOf(kurrentDbEventStore(double.url))).code, "ENGINE_REFUSED");
  assert.equal((await failureOf(store.append("a-p/1", [newEvent("E")], "any"))).code, "ENGINE_REFUSED");
  assert.equal((await failureOf(store.head())).code, "ENGINE_REFUSED");
});

test("a server that is not there is ENGINE_UNAVAILABLE within seconds, and nothing says the password", async () => {
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  for (const scheme of ["kurrentdb", "esdb"]) {
    const began = performance.now();
    const error = await failureOf(openEventStore(`${scheme}://ada:s3cret@127.0.0.1:${port}?tls=false`));
    assert.equal(error.code, "ENGINE_UNAVAILABLE");
    assert.match(error.message, new RegExp(`KurrentDB at 127\\.0\\.0\\.1:${port}.*EVENT_STORE`));
    assert.doesNotMatch(error.message, /s3cret|ada/);
    assert.ok(performance.now() - began < 30_000);
  }
});

test("a connection string that is not understood is INVALID_SETTING, and is not repeated", async () => {
  const wrong: [url: string, why: RegExp][] = [
    ["kurrentdb://", /not understood/],
    ["kurrentdb+cluster://ada:s3cret@host", /not understood|names no engine/],
    ["kurrentdb://ada:s3cret@host?user=s3cret", /no parameter "user"/],
    ["kurrentdb://ada:s3cret@host?nodePreference=follower", /must be leader/],
    ["kurrentdb://ada:s3cret@host:port", /does not understand/],
    ["kurrentdb://ada:s3cret@host?tls=perhaps", /does not understand/],
  ];
  for (const [url, why] of wrong) {
    const error = await failureOf(kurrentDbEventStore(url));
    assert.equal(error.code, "INVALID_SETTING", url);
    assert.match(error.message, why);
    assert.doesNotMatch(error.message + String(error.cause), /s3cret/);
  }
});
