import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Broker, RecordBatch } from "../../infra/broker/port.ts";
import { type SqliteBrokerOptions, sqliteBroker } from "../../infra/broker/sqlite.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { readAll, readerOf, record, seenIn } from "../contracts/broker-reading.ts";

describe("the SQLite broker's log", () => {
  let dir: string;
  const brokers: Broker[] = [];
  const open = (options: SqliteBrokerOptions = {}): Broker => {
    const broker = sqliteBroker(join(dir, "broker.db"), { cleanDelayMs: 0, ...options });
    brokers.push(broker);
    return broker;
  };
  const until = async (what: string, condition: () => boolean | Promise<boolean>): Promise<void> => {
    const end = Date.now() + 15_000;
    while (!(await condition())) {
      assert.ok(Date.now() < end, `waited in vain until ${what}`);
      await turn();
    }
  };
  const query = (sql: string): Record<string, unknown> => {
    const db = new DatabaseSync(join(dir, "broker.db"), { readOnly: true });
    try {
      return db.prepare(sql).get() as Record<string, unknown>;
    } finally {
      db.close();
    }
  };

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "millrace-broker-"));
  });
  afterEach(async () => {
    for (const broker of brokers.splice(0)) await broker.close();
    rmSync(dir, { recursive: true });
  });

  it("is compacted to the newest record of each key, at its own offset, and keeps the next offset", async () => {
    const broker = open({ minDirtyBytes: 4096 });
    await broker.ensureTopic("a", { partitions: 1, cleanup: "compact" });
    for (let round = 0; round < 50; round++) {
      await broker.produce(
        "a",
        Array.from({ length: 20 }, (_, k) => record(`k${k}`, `${round}`.padEnd(50, "."), round * 20 + k)),
      );
    }
    await until("most is gone", async () => {
      await broker.produce("a", [record("last", "x".repeat(100), 5000)]);
      return (await readAll(broker, "a")).length < 300;
    });
    const all = await readAll(broker, "a");
    for (let k = 0; k < 20; k++) {
      const own = all.filter((one) => one.key === `k${k}`);
      assert.deepEqual(own.at(-1), {
        partition: 0,
        offset: 980 + k,
        key: `k${k}`,
        value: "49".padEnd(50, "."),
        timestamp: 980 + k,
      });
    }
    const [{ high }] = await broker.watermarks("a");
    assert.equal((all.at(-1)?.offset as number) + 1, high);
  });

  it("loses a tombstone once a pass has been over it, and never the next offset", async () => {
    const broker = open({ minDirtyBytes: 1 });
    await broker.ensureTopic("a", { partitions: 1, cleanup: "compact" });
    await broker.produce("a", [record("k", "v", 1)]);
    await broker.produce("a", [record("k", null, 2)]);
    let high = 2;
    await until("both are gone", async () => {
      await broker.produce("a", [record("other", null, ++high)]);
      const keys = (await readAll(broker, "a")).map((one) => one.key);
      return !keys.includes("k");
    });
    assert.equal((await broker.watermarks("a"))[0].high, high);
    assert.equal((await open().produce("a", [record("k", "again", 4)]))[0].offset, high);
  });

  it("never hides the newest record from a reader that is in the middle of it", async () => {
    const broker = open({ minDirtyBytes: 2048 });
    await broker.ensureTopic("a", { partitions: 1, cleanup: "compact" });
    const reader = readerOf(broker, "a", 1, 7);
    const seen = new Map<string, string>();
    const newest = new Map<string, string>();
    const take = (batch: RecordBatch): void => {
      for (const { key, value } of seenIn(batch)) seen.set(key as string, value as string);
    };
    for (let i = 0; i < 400; i++) {
      const key = `k${(i * 7) % 31}`;
      newest.set(key, `v${i}`.padEnd(60, "."));
      await broker.produce("a", [record(key, newest.get(key) as string, i)]);
      const batch = i % 3 === 0 ? await reader.poll("a", 0) : null;
      if (batch !== null) take(batch);
    }
    for (let batch = await reader.poll("a", 0); batch !== null; batch = await reader.poll("a", 0)) take(batch);
    assert.deepEqual([...seen].sort(), [...newest].sort());
    assert.ok((await readAll(broker, "a")).length < 400, "compaction ran meanwhile");
  });

  it("may be compacted by two connections at once", async () => {
    const one = open({ minDirtyBytes: 1 });
    const two = open({ minDirtyBytes: 1 });
    await one.ensureTopic("a", { partitions: 1, cleanup: "compact" });
    for (let i = 0; i < 60; i++) {
      await Promise.all([
        one.produce("a", [record(`k${i % 5}`, `one ${i}`, i)]),
        two.produce("a", [record(`m${i % 5}`, `two ${i}`, i)]),
      ]);
    }
    const state = new Map((await readAll(one, "a")).map(({ key, value }) => [key, value]));
    for (let k = 0; k < 5; k++) {
      assert.equal(state.get(`k${k}`), `one ${55 + k}`);
      assert.equal(state.get(`m${k}`), `two ${55 + k}`);
    }
    assert.equal((await one.watermarks("a"))[0].high, 120);
  });

  it("forgets what is older than the retention, by event time; an absurd timestamp expires nothing", async () => {
    const now = 1_000_000;
    const broker = open({ clock: () => now });
    await broker.ensureTopic("a", { partitions: 1, cleanup: "delete", retentionMs: 1000 });
    for (let i = 0; i < 400; i++) await broker.produce("a", [record("k", `${i}`, i * 100)]);
    await until("the old ones are gone", async () => (await broker.watermarks("a"))[0].low === 389);
    assert.deepEqual(
      (await readAll(broker, "a")).map((one) => one.offset),
      [389, 390, 391, 392, 393, 394, 395, 396, 397, 398, 399],
    );
    await broker.produce("a", [record("k", "from the future", Number.MAX_SAFE_INTEGER)]);
    await broker.produce("a", [record("k", "today", now)]);
    await until("the rest is gone", async () => (await broker.watermarks("a"))[0].low === 400);
    assert.equal((await readAll(broker, "a")).length, 2);
  });

  it("clears a deleted topic away, after a restart too", async () => {
    const broker = open({ cleanDelayMs: 60_000 });
    await broker.ensureTopic("a", { partitions: 2, cleanup: "delete" });
    for (let i = 0; i < 10; i++) await broker.produce("a", [record(`k${i}`, "v", i)]);
    await broker.deleteTopic("a");
    await broker.close();
    assert.notEqual(query("SELECT count(*) AS n FROM broker_log").n, 0);
    open();
    await until("nothing is left", () => query("SELECT count(*) AS n FROM broker_log").n === 0);
    await until("the topic is forgotten", () => query("SELECT count(*) AS n FROM broker_dropped").n === 0);
  });

  it("writes nothing when the disk is full, and goes on when there is room", async () => {
    const broker = open({ maxBytes: 1 << 20 });
    await broker.ensureTopic("a", { partitions: 1, cleanup: "delete" });
    await broker.produce("a", [record("k", "before", 1)]);
    const large = Array.from({ length: 4 }, (_, i) => record("k", "x".repeat(500_000), i));
    await assert.rejects(broker.produce("a", large), (error) => isMillraceError(error, "STORAGE_FULL"));
    const transaction = broker.transaction();
    for (const { key, value, timestamp } of large) transaction.add("a", 0, key, value, timestamp);
    transaction.offsets("g", [{ topic: "a", partition: 0, offset: 1 }]);
    await assert.rejects(transaction.commit(), (error) => isMillraceError(error, "STORAGE_FULL"));
    assert.deepEqual(await broker.committed("g"), []);
    await broker.produce("a", [record("k", "after", 2)]);
    assert.deepEqual(
      (await readAll(broker, "a")).map((one) => one.value),
      ["before", "after"],
    );
  });
});
