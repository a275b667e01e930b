import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { evilSelects, evilSettings, evilStatements, type Targets } from "../support/attacks.ts";
import { type OpenedWarehouse, openWarehouse } from "../support/warehouse.ts";

/**
 * With the password of people, and by GET without any, the port of the embedded warehouse wrote and read files of the
 * host, asked servers, shut itself down and ran a second statement behind the first.
 */
describe("the warehouse's port keeps guests from the host, the network and the platform's tables", () => {
  const cleanups: (() => unknown)[] = [];
  let warehouse: OpenedWarehouse;
  let targets: Targets;
  let asked = 0;
  const secretText = "the secret of the file";

  before(async () => {
    warehouse = await openWarehouse({ after: (clean) => cleanups.push(clean as () => unknown) });
    const server = createServer((_, response) => {
      asked++;
      response.end("x\n");
    });
    server.on("connection", () => asked++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    const secret = join(warehouse.folder, "secret.csv");
    writeFileSync(secret, secretText);
    const written = join(warehouse.folder, "written.txt");
    targets = { secret, written, server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    for (const sql of [
      "CREATE TABLE documents (project String, doc String) ENGINE = MergeTree ORDER BY project",
      "INSERT INTO documents VALUES ('shop', 'one')",
      "CREATE TABLE audit (a Int8) ENGINE = Memory",
      "CREATE TABLE predictions (id String) ENGINE = Memory",
    ]) {
      assert.equal((await warehouse.ask(sql, { as: "platform" })).status, 200, sql);
    }
    assert.equal((await warehouse.ask("CREATE DATABASE mine")).status, 200);
    assert.equal((await warehouse.ask("CREATE TABLE mine.t (a Int64) ENGINE = Memory")).status, 200);
  });
  after(async () => {
    for (const clean of cleanups.reverse()) await clean();
  });

  const isUntouched = async (): Promise<void> => {
    const left = readdirSync(warehouse.folder).sort();
    assert.deepEqual(left, ["secret.csv", "warehouse"], "no file was written");
    assert.equal(asked, 0, "no server was asked");
    assert.equal(existsSync(targets.written), false);
    const tables = await warehouse.ask("SELECT name FROM system.tables WHERE database = 'default' ORDER BY name", {
      as: "platform",
    });
    assert.equal(tables.text, "audit\ndocuments\npredictions\n");
    assert.equal((await warehouse.ask("SELECT doc FROM documents")).text, "one\n");
    assert.equal(warehouse.engine.restarts, 0, "it goes on");
  };

  const refuses = async (sql: string, options: Parameters<OpenedWarehouse["ask"]>[1] = {}): Promise<void> => {
    const { status, text } = await warehouse.ask(sql, options);
    assert.ok(status >= 400 && status < 500, `${status} for ${sql}: ${text}`);
    assert.doesNotMatch(text, new RegExp(secretText), sql);
  };

  it("refuses SELECTs that reach past tables, by POST and by GET", async () => {
    const selects = evilSelects(targets);
    assert.ok(selects.length >= 60);
    for (const sql of selects) {
      await refuses(sql, { search: "param_f=file&param_t=audit" });
      await refuses(sql, { search: "param_f=file&param_t=audit", get: true });
    }
    await isUntouched();
  });

  it("refuses statements that write, define or command past a guest's own tables", async () => {
    for (const sql of evilStatements(targets)) {
      await refuses(sql);
      await refuses(sql, { search: "session_id=one&wait_end_of_query=1" });
      await refuses("", { search: `query=${encodeURIComponent(sql)}` });
    }
    await isUntouched();
  });

  it("refuses settings that lift limits or name files, in the URL and in the statement", async () => {
    for (const [name, value] of evilSettings(targets)) {
      await refuses("SELECT 1", { search: `${name}=${encodeURIComponent(value)}` });
      await refuses(`SELECT 1 SETTINGS ${name} = '${value}'`);
      await refuses(`INSERT INTO mine.t SETTINGS ${name} = '${value}' FORMAT CSV\n1\n`);
    }
    await refuses("SELECT 1", { search: "database=system" });
    await refuses("SELECT 1", { search: `database=${encodeURIComponent("../x")}` });
    const { text } = await warehouse.ask(
      "SELECT getSetting('max_memory_usage') <= 1073741824, getSetting('max_threads') <= 2, getSetting('readonly')",
      { search: "max_memory_usage=0&max_threads=1000" },
    );
    assert.equal(text, "1\t1\t1\n", "more than the limit is the limit");
  });

  it("takes no expression for a value of rows that come apart from the statement", async () => {
    const sql = "INSERT INTO mine.t VALUES";
    const search = `query=${encodeURIComponent(sql)}`;
    const { status, text } = await warehouse.ask(`(length(file('${targets.secret}')))`, { search });
    assert.ok(status >= 400, text);
    assert.equal((await warehouse.ask("(7), (8)", { search })).status, 200);
    assert.equal((await warehouse.ask("SELECT sum(a) FROM mine.t")).text, "15\n");
    await isUntouched();
  });

  it("keeps neither settings, nor databases, nor temporary tables of one request for the next", async () => {
    const search = "session_id=kept";
    await refuses("SET readonly = 0", { search });
    await refuses("SET format_schema_path = '/etc'", { search });
    await refuses("USE system", { search });
    await refuses("CREATE TEMPORARY TABLE x (a Int8)", { search });
    assert.equal((await warehouse.ask("SET max_memory_usage = 0, max_threads = 99", { search })).status, 200);
    const limits = "SELECT getSetting('max_memory_usage') <= 1073741824, getSetting('max_threads') <= 2";
    assert.equal((await warehouse.ask(limits, { search })).text, "1\t1\n", "more than the limit is the limit");
    assert.equal(
      (await warehouse.ask("SELECT currentDatabase()", { search: `${search}&database=mine` })).text,
      "mine\n",
    );
    assert.equal((await warehouse.ask("SELECT currentDatabase()", { search })).text, "default\n");
  });

  it("runs one statement a request, for the platform's own user, too", async () => {
    for (const sql of [
      "SELECT 1; TRUNCATE TABLE documents",
      "SELECT 1;\n/* ; */\nSELECT 2",
      "DROP TABLE x; SELECT 1",
    ]) {
      const { status, text } = await warehouse.ask(sql, { as: "platform" });
      assert.equal(status, 400, text);
      assert.match(text, /one statement a request/);
    }
    assert.equal((await warehouse.ask("SELECT ';' AS a /* ; */ ; -- ;", { as: "platform" })).text, ";\n");
    await isUntouched();
  });

  it("lets guests read, define, fill and drop what is theirs", async () => {
    for (const [sql, expected] of [
      [
        "CREATE TABLE things (a Int64, b String DEFAULT 'x', INDEX i (a) TYPE minmax) ENGINE = MergeTree ORDER BY a",
        "",
      ],
      ["INSERT INTO things (a) VALUES (1), (1 + 1)", ""],
      ["INSERT INTO things FORMAT CSV\n3,three\n", ""],
      ["INSERT INTO things SELECT number, toString(number) FROM numbers(4, 2)", ""],
      ["ALTER TABLE things ADD COLUMN c Int8 DEFAULT 1, MODIFY COLUMN b String", ""],
      ["CREATE VIEW seen AS SELECT a, b FROM things WHERE a > 1", ""],
      ["SELECT count(), sum(a), any(c) FROM things SETTINGS max_threads = 1", "5\t15\t1\n"],
      ["WITH x AS (SELECT a FROM seen) SELECT arraySort(groupArrayIf(a, a != 4)) FROM x", "[2,3,5]\n"],
      ["SELECT d.doc, t.a FROM documents AS d CROSS JOIN things AS t ORDER BY t.a LIMIT 1", "one\t1\n"],
      ["SHOW TABLES FROM mine", "t\n"],
      ["DESCRIBE TABLE mine.t", "a\tInt64\t\t\t\t\t\n"],
      ["EXISTS TABLE mine.t", "1\n"],
      ["EXPLAIN SYNTAX SELECT 1", "SELECT 1\nFROM system.one\n"],
      ["DELETE FROM things WHERE a = 1", ""],
      ["RENAME TABLE things TO mine.things", ""],
      ["OPTIMIZE TABLE mine.things FINAL", ""],
      ["TRUNCATE TABLE mine.things", ""],
      ["SELECT count() FROM mine.things", "0\n"],
      ["DROP VIEW seen", ""],
      ["DROP TABLE mine.things SYNC", ""],
    ]) {
      const { status, text } = await warehouse.ask(sql);
      assert.deepEqual([status, text], [200, expected], sql);
    }
    await isUntouched();
  });
});
