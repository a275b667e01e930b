import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { kurrentDbEventStore } from "../../infra/event-store/kurrentdb.ts";
import { collect, newEvent } from "../contracts/event-store.contract.ts";
import { kurrentDbDouble } from "./kurrentdb-double.ts";
import { openedStore, registered, startedDouble, tagged } from "./kurrentdb-started.ts";
import { selfSigned } from "./self-signed.ts";

const fileOf = (t: TestContext, content: string): string => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ca-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "ca & root.crt");
  writeFileSync(path, content);
  return path;
};

for (const password of ["plain", "p@ss:w/rd?&#%", "100%25 ünï", "a+b c"]) {
  test(`the password "${password}", percent-encoded, reads, writes and follows`, async (t) => {
    const tls = selfSigned();
    const double = await kurrentDbDouble({ tls, user: { name: "ops@ex.org", password } });
    t.after(() => double.close());
    const ca = encodeURIComponent(fileOf(t, tls.cert));
    const urlWith = (secret: string) =>
      `${double.url.replace("//", `//ops%40ex.org:${encodeURIComponent(secret)}@`)}&tlsCAFile=${ca}`;
    const store = await openedStore(t, urlWith(password));
    const { position } = await store.append("model-p/m", [registered()], "no-stream");
    assert.equal((await collect(store.readStream("model-p/m"))).length, 1);
    assert.equal((await collect(store.readAll())).length, 1);
    assert.equal(await store.head(), position);
    for await (const message of store.subscribe({ signal: new AbortController().signal })) {
      if (message.type === "caughtUp") break;
    }
    await assert.rejects(kurrentDbEventStore(urlWith(`${password}!`)), { code: "ENGINE_REFUSED" });
  });
}

test("a file of the setting that is not there is named, and the password is not blamed", async () => {
  const base = "kurrentdb://ada:s3cret@localhost:2113?tls=true";
  for (const name of ["tlsCAFile", "tlscafile", "userCertFile", "userKeyFile"]) {
    await assert.rejects(kurrentDbEventStore(`${base}&${name}=${encodeURIComponent("/no/such/ca.crt")}`), (error) => {
      assert.ok(error instanceof Error);
      assert.match(error.message, /File: the file \/no\/such\/ca\.crt does not exist/);
      assert.doesNotMatch(error.message, /s3cret|percent/);
      return true;
    });
  }
});

test("what is wrong with the setting is said, and no secret", async () => {
  const wrong: [url: string, why: RegExp][] = [
    ["kurrentdb://ada:100%@host", /percent-encoded/],
    ["kurrentdb://ada:s3:cret@host", /colon is %3A/],
    ["kurrentdb://ada@host", /user:password/],
    ["kurrentdb://host?prefix=a.b", /prefix: expected/],
    ["kurrentdb://host?prefix=", /prefix: expected/],
    ["kurrentdb://host?prefix=$a", /prefix: expected/],
    ["kurrentdb://host?prefix=model-a", /begins with "model-"/],
  ];
  for (const [url, why] of wrong) {
    await assert.rejects(kurrentDbEventStore(url), (error: Error & { code: string }) => {
      assert.equal(error.code, "INVALID_SETTING", url);
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /s3|cret/);
      return true;
    });
  }
});

test("a server that hangs is told of within the time of a call, whatever is asked", async (t) => {
  const { double, store } = await startedDouble(t, { answerMs: 300 });
  await store.append("a-p/1", [newEvent("E")], "no-stream");
  await collect(store.readStream("a-p/2"));
  double.hang();
  const calls: Record<string, () => Promise<unknown>> = {
    "append at a revision": () => store.append("a-p/1", [newEvent("F")], 0n),
    "append anywhere": () => store.append("a-p/1", [newEvent("F")], "any"),
    "append first": () => store.append("a-p/2", [newEvent("F")], "no-stream"),
    "read a stream": () => collect(store.readStream("a-p/1")),
    "read some of all": () => collect(store.readAll({ limit: 3 })),
    head: () => store.head(),
  };
  for (const [name, call] of Object.entries(calls)) {
    const began = performance.now();
    await assert.rejects(call(), { code: "ENGINE_UNAVAILABLE" }, name);
    assert.ok(performance.now() - began < 1500, name);
  }
  double.resume();
  assert.equal((await collect(store.readStream("a-p/1"))).length >= 1, true);
});

test("an append is one request, and so is a read", async (t) => {
  const { double, store } = await startedDouble(t);
  const asked = async (call: () => Promise<unknown>): Promise<{ read: number; append: number }> => {
    const before = double.calls();
    await call();
    const after = double.calls();
    return { read: after.read - before.read, append: after.append - before.append };
  };
  // A deletion shows in the metadata alone, so a stream that is not there is asked for twice.
  assert.deepEqual(await asked(() => collect(store.readStream("model-p/m"))), { read: 2, append: 0 });
  assert.deepEqual(await asked(() => store.append("model-p/m", [registered()], "no-stream")), { read: 0, append: 1 });
  assert.deepEqual(await asked(() => store.append("model-p/m", [tagged()], 0n)), { read: 0, append: 1 });
  assert.deepEqual(await asked(() => store.append("model-p/m", [tagged()], "any")), { read: 1, append: 1 });
  assert.deepEqual(await asked(() => store.append("model-p/m", [tagged()], "any")), { read: 0, append: 1 });
  assert.deepEqual(await asked(() => collect(store.readStream("model-p/m"))), { read: 1, append: 0 });
  assert.deepEqual(await asked(() => collect(store.readAll())), { read: 1, append: 0 });
});

test("an append anywhere recognises its retry however late, from whichever store", async (t) => {
  const { double, store } = await startedDouble(t);
  const events = [tagged("1"), tagged("2")];
  const first = await store.append("denial-p/ada", events, "any");
  for (let i = 0; i < 50; i++) await store.append("denial-p/ada", [tagged()], "any");
  const other = await openedStore(t, double.url);
  for (const again of [store, other, other]) {
    assert.deepEqual(await again.append("denial-p/ada", events, "any"), { ...first, deduplicated: true });
  }
  assert.equal((await collect(store.readStream("denial-p/ada"))).length, 52);
});
