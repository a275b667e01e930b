import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { EventStore } from "../../infra/event-store/port.ts";
import { collect } from "../contracts/event-store.contract.ts";
import type { KurrentDbDouble } from "./kurrentdb-double.ts";
import { faultsOf, openedStore, registered, startedDouble, tagged } from "./kurrentdb-started.ts";

const stream = "model-p/m";
const broken = [{ code: "HISTORY_INCOMPLETE", stream }];

const shortenings: Record<string, (double: KurrentDbDouble) => void> = {
  "was deleted": (double) => double.softDelete(stream),
  "was deleted for ever": (double) => double.tombstone(stream),
  "keeps its last two events": (double) => double.setMetadata(stream, { $maxCount: 2 }),
  "keeps events for less than no time": (double) => double.setMetadata(stream, { $maxAge: -1 }),
  "is cut before its second event": (double) => double.setMetadata(stream, { $tb: 1 }),
};

const withModel = async (t: TestContext): Promise<{ double: KurrentDbDouble; store: EventStore }> => {
  const started = await startedDouble(t);
  await started.store.append("model-p/other", [registered()], "no-stream");
  await started.store.append(stream, [registered(), tagged("1"), tagged("2")], "no-stream");
  return started;
};

for (const [what, shorten] of Object.entries(shortenings)) {
  for (const scavenged of [false, true]) {
    test(`a stream that ${what}${scavenged ? ", scavenged," : ""} is an error to read and to begin, and is named`, async (t) => {
      const { double, store: before } = await withModel(t);
      shorten(double);
      if (scavenged) double.scavenge();
      for (const store of [before, await openedStore(t, double.url)]) {
        await assert.rejects(collect(store.readStream(stream)), { code: "HISTORY_INCOMPLETE" });
        await assert.rejects(store.append(stream, [registered()], "no-stream"), (error: Error & { code: string }) =>
          ["HISTORY_INCOMPLETE", "WRONG_EXPECTED_REVISION"].includes(error.code),
        );
        assert.deepEqual(await faultsOf(store), broken);
        assert.equal((await collect(store.readStream("model-p/other"))).length, 1);
        await collect(store.readAll());
      }
    });
  }
}

test("a stream that was deleted is not begun anew, whatever was read before", async (t) => {
  const { double, store } = await withModel(t);
  assert.deepEqual(await collect(store.readStream("model-p/new")), []);
  double.softDelete(stream);
  await assert.rejects(store.append(stream, [registered()], "no-stream"), { code: "HISTORY_INCOMPLETE" });
  await store.append("model-p/new", [registered()], "no-stream");
});

test("a stream that others have begun anew after its deletion is incomplete", async (t) => {
  const { double, store } = await withModel(t);
  double.softDelete(stream);
  double.writeForeign(stream);
  await assert.rejects(collect(store.readStream(stream)), (error: Error & { code: string }) =>
    ["HISTORY_INCOMPLETE", "UNREADABLE_EVENT"].includes(error.code),
  );
});

test("reading on in a stream that was deleted is an error, too", async (t) => {
  const { double, store } = await withModel(t);
  double.softDelete(stream);
  await assert.rejects(collect(store.readStream(stream, 3n)), { code: "HISTORY_INCOMPLETE" });
});

test("metadata that take nothing away are no fault", async (t) => {
  const { double, store } = await withModel(t);
  double.setMetadata(stream, { $maxCount: 1000 });
  double.setMetadata("model-p/never", { $maxCount: 1 });
  assert.deepEqual(await faultsOf(store), []);
  assert.equal((await collect(store.readStream(stream))).length, 3);
  await store.append("model-p/never", [registered()], "no-stream");
});

test("a server that was restored from a backup is read and written as it is", async (t) => {
  const { double, store } = await withModel(t);
  const restore = double.backup();
  await store.append(stream, [tagged("3")], 2n);
  await store.append("model-p/later", [registered()], "no-stream");
  await store.append("denial-p/ada", [tagged()], "any");
  restore();
  double.dropSubscriptions();
  const head = await store.head();
  assert.equal((await collect(store.readAll())).at(-1)?.position, head);
  await assert.rejects(store.append(stream, [tagged("4")], 3n), { code: "WRONG_EXPECTED_REVISION" });
  assert.equal((await store.append(stream, [tagged("4")], 2n)).revision, 3n);
  assert.equal((await store.append("denial-p/ada", [tagged()], "any")).revision, 0n);
});
