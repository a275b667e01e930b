import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openEventStore } from "../../infra/event-store/open.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { lockDirectory } from "../../infra/sqlite/lock.ts";
import { collect, eventStoreContract, newEvent } from "../contracts/event-store.contract.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-event-store-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string): string => join(directory, name, "millrace.db");
const writer = fileURLToPath(new URL("event-store-writer.ts", import.meta.url));

eventStoreContract("sqlite", () => openEventStore(`sqlite:${file("contract")}`));

describe("sqlite event store", () => {
  it("keeps every acknowledged append through SIGKILL, and its streams dense", async () => {
    const path = file("crash");
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const child = fork(writer, [path], { execArgv: ["--disable-warning=ExperimentalWarning"] });
      const target = acknowledged.length + 200 + round * 37;
      child.on("message", (id) => {
        acknowledged.push(id as string);
        if (acknowledged.length === target) child.kill("SIGKILL");
      });
      await once(child, "exit");
      const store = sqliteEventStore(path);
      const events = await collect(store.readAll());
      const ids = new Set(events.map((event) => event.id));
      assert.deepEqual(
        acknowledged.filter((id) => !ids.has(id)),
        [],
      );
      const revisions = new Map<string, bigint>();
      for (const { stream, revision } of events) {
        assert.equal(revision, (revisions.get(stream) ?? -1n) + 1n);
        revisions.set(stream, revision);
      }
      for (const revision of revisions.values()) assert.equal(revision % 2n, 1n, "both events of an append or none");
      await store.close();
    }
  });

  it("wakes a subscriber when another thread appends", async () => {
    const path = file("threads");
    const store = sqliteEventStore(path);
    const stop = new AbortController();
    const worker = new Worker(writer, { argv: [path, "100"] });
    let events = 0;
    for await (const message of store.subscribe({ signal: stop.signal })) {
      if (message.type === "event" && ++events === 200) stop.abort();
    }
    assert.equal(events, 200);
    await worker.terminate();
    await store.close();
  });

  it("answers STORAGE_FULL when there is no room, and goes on when there is", async () => {
    const path = file("full");
    const store = sqliteEventStore(path);
    await store.append("a-p/1", [newEvent("Small")], "any");
    const big = newEvent("Big", { text: "x".repeat(4_000_000) });
    const limited = sqliteEventStore(path, { maxBytes: 1_000_000 });
    const refused = await Promise.allSettled([
      limited.append("a-p/2", [newEvent("Small")], "any"),
      limited.append("a-p/1", [big], "any"),
    ]);
    for (const outcome of refused) {
      assert.equal(outcome.status === "rejected" && outcome.reason.code, "STORAGE_FULL");
    }
    assert.equal((await limited.append("a-p/1", [newEvent("Small")], 0n)).revision, 1n);
    assert.equal((await store.append("a-p/1", [big], 1n)).revision, 2n);
    assert.deepEqual(await collect(store.readStream("a-p/2")), []);
    await limited.close();
    await store.close();
  });

  it("refuses a URL of no known engine, and one without a file", async () => {
    await assert.rejects(openEventStore("kafka://x"), { code: "INVALID_SETTING", message: /EVENT_STORE.*sqlite:/ });
    await assert.rejects(openEventStore("sqlite:"), { code: "INVALID_SETTING" });
  });
});

describe("directory lock", () => {
  it("is held once, names its holder, and can be taken again after release", () => {
    const dir = join(directory, "locked");
    const lock = lockDirectory(dir);
    assert.throws(() => lockDirectory(dir), { code: "DATA_LOCKED", message: new RegExp(`process ${process.pid}`) });
    lock.release();
    lockDirectory(dir).release();
  });

  it("dies with its process", async () => {
    const dir = join(directory, "locked-by-child");
    const child = fork(writer, ["--lock", dir], { execArgv: ["--disable-warning=ExperimentalWarning"] });
    await once(child, "message");
    assert.throws(() => lockDirectory(dir), { code: "DATA_LOCKED", message: new RegExp(`process ${child.pid}`) });
    child.kill("SIGKILL");
    await once(child, "exit");
    lockDirectory(dir).release();
  });
});
