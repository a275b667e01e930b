import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";
import { warehouseFailed } from "../../infra/warehouse/failures.ts";
import { type InsertTarget, openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { rowBinaryWriter } from "../../infra/warehouse/row-binary.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { warehouseContract } from "../contracts/warehouse.contract.ts";
import { isAlive } from "../support/processes.ts";

const folders: string[] = [];
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-warehouse-"));
  folders.push(folder);
  return folder;
};
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

warehouseContract("embedded, as the platform", async () => {
  const engine = await startEmbeddedWarehouse({ directory: temporary() });
  const { username, password } = new URL(engine.url);
  return { url: engine.address, user: username, password, close: () => engine.close() };
});

warehouseContract("embedded, as a guest", async () => {
  // The suite asks 60 times at once.
  const limits = { guests: { waiting: 60 } };
  const engine = await startEmbeddedWarehouse({ directory: temporary(), guestPassword: "s3cret:", limits });
  return { url: engine.address, user: "default", password: "s3cret:", close: () => engine.close() };
});

const rows = async (warehouse: Warehouse, query: string): Promise<unknown[]> =>
  (await warehouse.client.query({ query, format: "JSONEachRow" })).json();

/** Asks until the warehouse, which was killed, answers again. */
const whenBack = async <T>(ask: () => Promise<T>): Promise<T> => {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
};

const rowsOf = (table: string, columns: string): InsertTarget => ({ table, columns, format: "RowBinary" });

const batchOf = (batch: number, count: number): Buffer => {
  const writer = rowBinaryWriter();
  for (let i = 0; i < count; i++) {
    writer.i64(batch);
    writer.i64(i);
    writer.string(`row ${i}`);
  }
  return writer.bytes();
};

describe("embedded warehouse", () => {
  it("keeps every insert whole or leaves it out when its process is killed in the middle", async () => {
    const reasons: string[] = [];
    const engine = await startEmbeddedWarehouse({
      directory: temporary(),
      onRestart: (reason) => reasons.push(reason),
    });
    const warehouse = openWarehouse(`${engine.url}/millrace`);
    try {
      const create =
        "CREATE TABLE batches (batch Int64, i Int64, text String) ENGINE = MergeTree ORDER BY (batch, i) " +
        "SETTINGS non_replicated_deduplication_window = 1000";
      await warehouse.client.command({ query: create });
      const count = 30_000;
      const kills = 4;
      let batch = 0;
      for (let kill = 0; kill < kills; kill++) {
        const answered = Array.from({ length: 4 }, () => {
          const number = batch++;
          return warehouse.insert(rowsOf("batches", "batch, i, text"), batchOf(number, count), `batch ${number}`);
        });
        // Somewhere between the first byte and the last answer.
        await Promise.race([answered[0], new Promise((resolve) => setTimeout(resolve, 5 + kill * 25))]);
        process.kill(engine.pid, "SIGKILL");
        // Every insert is repeated until it is answered, with its token: it must be there exactly once.
        await Promise.all(answered);
        // They may all have been answered before the kill: what comes next must meet the new child.
        while (reasons.length === kill) await new Promise((resolve) => setTimeout(resolve, 5));
        await warehouse.ensureDatabase();
      }
      const found = await rows(
        warehouse,
        "SELECT batch, count() AS n, uniqExact(i) AS u FROM batches GROUP BY batch ORDER BY batch",
      );
      assert.deepEqual(
        found,
        Array.from({ length: batch }, (_, i) => ({ batch: i, n: count, u: count })),
      );
      assert.equal(reasons.length, kills);
    } finally {
      await warehouse.close();
      await engine.close();
    }
  });

  it("writes nothing of an insert that is killed and never repeated, or all of it", async () => {
    const engine = await startEmbeddedWarehouse({ directory: temporary() });
    const warehouse = openWarehouse(`${engine.url}/millrace`, { retryForMs: 0 });
    try {
      await warehouse.client.command({
        query: "CREATE TABLE once (batch Int64, i Int64, text String) ENGINE = MergeTree ORDER BY i",
      });
      const count = 100_000;
      const body = batchOf(0, count);
      for (let attempt = 0; attempt < 4; attempt++) {
        const inserted = warehouse.insert(rowsOf("once", "batch, i, text"), body, `attempt ${attempt}`).then(
          () => true,
          () => false,
        );
        await new Promise((resolve) => setTimeout(resolve, 10 + attempt * 15));
        process.kill(engine.pid, "SIGKILL");
        const answered = await inserted;
        const [{ n, parts }] = (await whenBack(() =>
          rows(warehouse, "SELECT count() AS n, uniqExact(_part) AS parts FROM once"),
        )) as { n: number; parts: number }[];
        assert.ok(n === 0 || n === count, `${n} rows of ${count}`);
        assert.equal(parts, n === 0 ? 0 : 1, "one insert is one part");
        if (answered) assert.equal(n, count);
        await warehouse.client.command({ query: "TRUNCATE TABLE once" });
      }
    } finally {
      await warehouse.close();
      await engine.close();
    }
  });

  it("keeps its data over a restart and lets others have the directory when closed", async () => {
    const directory = temporary();
    let engine = await startEmbeddedWarehouse({ directory });
    await assert.rejects(startEmbeddedWarehouse({ directory }), { code: "DATA_LOCKED" });
    let warehouse = openWarehouse(`${engine.url}/millrace`);
    await warehouse.client.command({ query: "CREATE TABLE kept (a UInt32) ENGINE = MergeTree ORDER BY a" });
    await warehouse.client.insert({ table: "kept", values: [{ a: 42 }], format: "JSONEachRow" });
    await warehouse.close();
    const { pid } = engine;
    await engine.close();
    assert.equal(isAlive(pid), false);
    engine = await startEmbeddedWarehouse({ directory });
    warehouse = openWarehouse(`${engine.url}/millrace`);
    assert.deepEqual(await rows(warehouse, "SELECT a FROM kept"), [{ a: 42 }]);
    await warehouse.close();
    await engine.close();
  });

  it("lets in only who has a password", async () => {
    const engine = await startEmbeddedWarehouse({ directory: temporary(), guestPassword: "s3cret:" });
    const { address } = engine;
    try {
      const none = await fetch(`${address}/?query=SELECT+1`);
      assert.deepEqual([none.status, none.headers.get("x-clickhouse-exception-code")], [403, "516"]);
      assert.equal((await fetch(`${address}/?query=SELECT+1&user=default&password=s3cret:`)).status, 200);
      for (const others of [
        "user=other&password=s3cret:",
        "user=millrace&password=s3cret:",
        "user=default&password=",
      ]) {
        assert.equal((await fetch(`${address}/?query=SELECT+1&${others}`)).status, 403, others);
      }
      const basic = `Basic ${Buffer.from("default:s3cret:").toString("base64")}`;
      assert.equal((await fetch(`${address}/?query=SELECT+1`, { headers: { Authorization: basic } })).status, 200);
      const warehouse = openWarehouse(`http://default:s3cret%3A@${new URL(address).host}/millrace`);
      assert.deepEqual(await rows(warehouse, "SELECT 1 AS x"), [{ x: 1 }]);
      await warehouse.close();
    } finally {
      await engine.close();
    }
  });

  it("lets nobody in but the platform where guests have no password", async () => {
    const engine = await startEmbeddedWarehouse({ directory: temporary() });
    try {
      for (const password of ["", "null", "undefined"]) {
        const asked = await fetch(`${engine.address}/?query=SELECT+1&user=default&password=${password}`);
        assert.equal(asked.status, 403);
      }
    } finally {
      await engine.close();
    }
  });

  it("ends with its parent, even when that is killed", async () => {
    const parent = fork(fileURLToPath(new URL("./warehouse-parent.ts", import.meta.url)), [temporary()], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const [{ pid }] = (await once(parent, "message")) as [{ pid: number }];
    assert.ok(isAlive(pid));
    parent.kill("SIGKILL");
    await once(parent, "exit");
    const until = Date.now() + 10_000;
    while (isAlive(pid) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(isAlive(pid), false);
  });

  it("reports a warehouse that stays away", async () => {
    const warehouse = openWarehouse("http://127.0.0.1:1/millrace", { retryForMs: 100 });
    await assert.rejects(warehouse.insert(rowsOf("t", "a"), Buffer.of(1), "x"), { code: "WAREHOUSE_FAILED" });
    await assert.rejects(warehouse.ensureDatabase(), {
      code: "WAREHOUSE_FAILED",
      message:
        /^create database millrace at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*; is it running, and is WAREHOUSE its URL\?$/,
    });
    await warehouse.close();
  });

  it("gives up at once where its password is wrong, names the setting and tells no password", async () => {
    const engine = await startEmbeddedWarehouse({ directory: temporary(), guestPassword: "s3cret:" });
    const warehouse = openWarehouse(`http://default:wr0ng@${new URL(engine.url).host}/millrace`);
    try {
      const refused = (error: unknown): boolean =>
        isMillraceError(error, "ENGINE_REFUSED") &&
        /the user or the password of WAREHOUSE/.test(error.message) &&
        !/wr0ng|s3cret/.test(JSON.stringify([error.message, error.details]));
      await assert.rejects(warehouse.ensureDatabase(), refused);
      await assert.rejects(warehouse.insert(rowsOf("t", "a"), Buffer.of(1), "x"), refused);
      const asked = warehouse.client.query({ query: "SELECT 1" }).catch((error) => {
        throw warehouseFailed("read", error);
      });
      await assert.rejects(asked, refused);
    } finally {
      await warehouse.close();
      await engine.close();
    }
  });
});
