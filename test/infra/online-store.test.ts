import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import { sqliteOnlineStore } from "../../infra/online-store/sqlite.ts";
import { onlineStoreContract } from "../contracts/online-store.contract.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-online-store-"));
after(() => rmSync(directory, { recursive: true, force: true }));

let now = 1_000_000;
onlineStoreContract("sqlite", {
  open: async () => sqliteOnlineStore(join(directory, "contract.db"), { clock: () => now }),
  advance: async (ms) => {
    now += ms;
  },
});

describe("sqlite online store", () => {
  it("shows a thread's writes and messages to the others", async () => {
    const path = join(directory, "threads.db");
    const store = await openOnlineStore(`sqlite:${path}`);
    const heard = Promise.withResolvers<string>();
    await store.subscribe("done", heard.resolve);
    const worker = new Worker(fileURLToPath(new URL("online-store-writer.ts", import.meta.url)), { argv: [path] });
    assert.equal(await heard.promise, "written");
    assert.equal((await store.get("from-thread"))?.toString(), "hello");
    await worker.terminate();
    await store.close();
  });

  it("purges what has expired, a little with each write", async () => {
    let time = 0;
    const store = sqliteOnlineStore(join(directory, "purge.db"), { clock: () => time, maxBytes: 4_000_000 });
    for (let round = 0; round < 40; round++) {
      const value = Buffer.alloc(100_000, round);
      await store.setMany([
        { key: `${round}/a`, value, ttlMs: 10 },
        { key: `${round}/b`, value, ttlMs: 10 },
      ]);
      time += 20;
    }
    await store.close();
  });

  it("answers STORAGE_FULL when there is no room, and keeps what it had", async () => {
    const store = sqliteOnlineStore(join(directory, "full.db"), { maxBytes: 500_000 });
    await store.setMany([{ key: "small", value: Buffer.from("1") }]);
    const big = { key: "big", value: Buffer.alloc(1_000_000) };
    await assert.rejects(store.setMany([{ key: "small", value: Buffer.from("2") }, big]), { code: "STORAGE_FULL" });
    assert.equal((await store.get("small"))?.toString(), "1");
    await store.setMany([{ key: "small", value: Buffer.from("3") }]);
    assert.equal((await store.get("small"))?.toString(), "3");
    await store.close();
  });

  it("refuses a URL of no known engine", async () => {
    await assert.rejects(openOnlineStore("memcached:x"), { code: "INVALID_SETTING", message: /ONLINE_STORE.*sqlite:/ });
  });
});
