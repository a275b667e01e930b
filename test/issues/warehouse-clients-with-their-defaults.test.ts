import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { decodeBlocks, encodeBlocks } from "../../infra/warehouse/child/compression/blocks.ts";
import { eventually, openWarehouse } from "../support/warehouse.ts";

type Asked = {
  search?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | FormData;
  get?: boolean;
};

const opened = async (t: Parameters<typeof openWarehouse>[0]) => {
  const { engine, credentials, ask } = await openWarehouse(t);
  const send = ({ search = "", headers = {}, body = "", get = false }: Asked): Promise<Response> =>
    fetch(`${engine.address}/?${search}`, {
      method: get ? "GET" : "POST",
      headers: { ...credentials("guest"), ...headers },
      ...(get ? {} : { body: body instanceof FormData || typeof body === "string" ? body : new Uint8Array(body) }),
    });
  const text = async (asked: Asked): Promise<string> => (await send(asked)).text();
  return { ask, send, text };
};

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** JDBC 0.9 asks for blocks, and could not read a row. */
test("rows come and go in ClickHouse's own blocks: compress=1, decompress=1", async (t) => {
  const { send, ask } = await opened(t);
  const unpacked = async (search: string, sql: string): Promise<string> => {
    const answer = await send({ search: `compress=1&${search}`, body: sql });
    return (await buffer(decodeBlocks(once(Buffer.from(await answer.arrayBuffer()))))).toString();
  };
  assert.equal(await unpacked("", "SELECT number FROM numbers(3)"), "0\n1\n2\n");
  const streamed = "SELECT number FROM numbers(100000)";
  assert.equal((await unpacked("", streamed)).split("\n").length, 100_001);
  assert.equal((await unpacked("wait_end_of_query=1", streamed)).split("\n").length, 100_001);
  await ask("CREATE TABLE packed (n UInt32) ENGINE = MergeTree ORDER BY n");
  const rows = encodeBlocks(Buffer.from("1\n2\n3\n"));
  const insert = `decompress=1&query=${encodeURIComponent("INSERT INTO packed FORMAT TabSeparated")}`;
  assert.equal((await send({ search: insert, body: rows })).status, 200);
  assert.equal((await send({ search: "decompress=1", body: encodeBlocks(Buffer.from("SELECT 1")) })).status, 200);
  assert.equal((await ask("SELECT sum(n) FROM packed")).text, "6\n");
  rows[30] ^= 1;
  const damaged = await send({ search: insert, body: rows });
  assert.deepEqual([damaged.status, damaged.headers.get("x-clickhouse-exception-code")], [400, "40"]);
});

/** clickhouse-connect inserts with lz4 unless it is told otherwise, and was refused. */
test("bodies are read in every coding of HTTP, and answers are given in those that the client takes", async (t) => {
  const { send, text, ask } = await opened(t);
  await ask("CREATE TABLE coded (n UInt32) ENGINE = MergeTree ORDER BY n");
  const rows = Buffer.from("1\n2\n");
  const codings = {
    lz4: compressFrameSync(rows),
    zstd: zstdCompressSync(rows),
    gzip: gzipSync(rows),
    deflate: deflateSync(rows),
    br: brotliCompressSync(rows),
  };
  const search = `query=${encodeURIComponent("INSERT INTO coded FORMAT TabSeparated")}`;
  for (const [coding, body] of Object.entries(codings)) {
    const answer = await send({ search, headers: { "Content-Encoding": coding }, body });
    assert.equal(answer.status, 200, `${coding}: ${await answer.text()}`);
    const bad = await send({ search, headers: { "Content-Encoding": coding }, body: body.subarray(0, 5) });
    assert.equal(bad.status, 400, coding);
  }
  assert.equal((await ask("SELECT count() FROM coded")).text, "10\n");
  assert.match(
    await text({ search, headers: { "Content-Encoding": "snappy" }, body: rows }),
    /snappy is not supported/,
  );
  for (const coding of ["gzip", "deflate", "br"]) {
    const headers = { "Accept-Encoding": coding };
    const answer = await send({ search: "enable_http_compression=1", headers, body: "SELECT 1" });
    assert.deepEqual([answer.headers.get("content-encoding"), await answer.text()], [coding, "1\n"]);
  }
  const zstd = await send({
    search: "enable_http_compression=1",
    headers: { "Accept-Encoding": "gzip;q=0, zstd" },
    body: "SELECT 1",
  });
  assert.equal(zstd.headers.get("content-encoding"), "zstd");
  const bytes = Buffer.from(await zstd.arrayBuffer());
  assert.equal(bytes.toString() === "1\n" ? "1\n" : zstdDecompressSync(bytes).toString(), "1\n");
});

test("a statement has the name that its client gave it, and is killed by it, but not by a guest if it is the platform's", async (t) => {
  const { ask, send } = await opened(t);
  const endless = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";
  const running = send({ search: "query_id=one", body: endless });
  const same = async (): Promise<boolean> => {
    const { headers } = await ask("SELECT 1", { search: "query_id=one" });
    return headers.get("x-clickhouse-exception-code") === "216";
  };
  await eventually("it runs", same);
  assert.equal((await ask("KILL QUERY WHERE query_id = 'another'")).text, "");
  assert.equal((await ask("KILL QUERY WHERE query_id = 'one' SYNC")).text, "waiting\tone\n");
  const killed = await running;
  assert.equal(killed.headers.get("x-clickhouse-exception-code"), "394");
  await eventually("its name is free", async () => !(await same()));
  const ofPlatform = ask(endless, { as: "platform", search: "query_id=own" });
  await eventually(
    "the platform's runs",
    async () => (await ask("SELECT 1", { search: "query_id=own" })).status === 400,
  );
  assert.equal((await ask("KILL QUERY WHERE query_id = 'own'")).text, "");
  assert.equal((await ask("KILL QUERY WHERE query_id = 'own'", { as: "platform" })).text, "waiting\town\n");
  await ofPlatform;
  for (const sql of ["KILL QUERY WHERE 1", "KILL QUERY WHERE query_id = 'a' OR 1", "KILL MUTATION WHERE 1"]) {
    assert.equal((await ask(sql)).status, 403, sql);
  }
  assert.equal((await ask("SELECT 1", { search: "query_id=a%0Ab" })).status, 400);
});

test("SET and USE stay in their session, and settings of a request do not", async (t) => {
  const { ask } = await opened(t);
  const numbers = "SELECT number FROM numbers(3)";
  const inSession = async (session: string, sql: string, more = ""): Promise<string> =>
    (await ask(sql, { search: `session_id=${session}${more}` })).text;
  assert.equal(await inSession("url", "SELECT 1", "&max_result_rows=1"), "1\n");
  assert.equal(await inSession("url", numbers), "0\n1\n2\n");
  assert.equal(await inSession("clause", "SELECT 1 SETTINGS max_result_rows = 1"), "1\n");
  assert.equal(await inSession("clause", numbers), "0\n1\n2\n");
  assert.equal(await inSession("set", "SET max_result_rows = 1, max_threads = 1"), "");
  assert.match(await inSession("set", numbers), /Limit for result exceeded/);
  assert.equal(await inSession("set", numbers, "&max_result_rows=9"), "0\n1\n2\n");
  assert.equal((await ask("SET max_result_rows = 1")).status, 200);
  assert.equal((await ask(numbers)).text, "0\n1\n2\n");
  await ask("CREATE DATABASE mine");
  assert.equal(await inSession("use", "USE mine"), "");
  assert.equal(await inSession("use", "SELECT currentDatabase()"), "mine\n");
  assert.equal(await inSession("database", "SELECT currentDatabase()", "&database=mine"), "mine\n");
  assert.equal(await inSession("database", "SELECT currentDatabase()"), "default\n");
  assert.match(await inSession("set", "SET allow_experimental_object_type = 1"), /may not be set/);
  assert.match(await inSession("set", "SET no_such_thing = 1"), /Unknown setting/);
  assert.match(await inSession("set", "USE system"), /Not enough privileges/);
  assert.match(await inSession("new", "SELECT 1", "&session_check=1"), /Session not found/);
  assert.equal(await inSession("use", "SELECT currentDatabase()", "&session_check=1"), "mine\n");
});

test("forms bring parameters and tables, which reach nothing else", async (t) => {
  const { text } = await opened(t);
  const form = new FormData();
  form.set("query", "SELECT name, {least:UInt8} FROM people WHERE id >= {least:UInt8} ORDER BY id");
  form.set("param_least", "2");
  form.set("people_structure", "id UInt32, name String");
  form.set("people_format", "CSV");
  form.set("people", new Blob(["1,ann\n2,bob\n3,cid\n"]), "people.csv");
  assert.equal(await text({ body: form }), "bob\t2\ncid\t2\n");
  assert.match(await text({ body: "SELECT * FROM people" }), /Unknown table|UNKNOWN_TABLE/);
  const table = (fields: Record<string, string>): FormData => {
    const made = new FormData();
    for (const [name, value] of Object.entries(fields)) made.set(name, value);
    made.set("t", new Blob(["1\tx\n"]), "t");
    return made;
  };
  assert.equal(
    await text({ body: table({ query: "SELECT _2, _1 FROM t", t_types: "UInt8, LowCardinality(String)" }) }),
    "x\t1\n",
  );
  const refused = {
    "needs t_structure or t_types": { query: "SELECT 1" },
    "may hold names and types only": {
      query: "SELECT 1",
      t_structure: "a UInt8 DEFAULT file('/etc/passwd'), b String",
    },
    "Unknown format": { query: "SELECT 1", t_types: "UInt8, String", t_format: "x y" },
    "Not enough privileges": { query: "SELECT file('/etc/passwd') FROM t", t_types: "UInt8, String" },
  };
  for (const [why, fields] of Object.entries(refused))
    assert.match(await text({ body: table(fields) }), new RegExp(why));
});

test("an URL may have a megabyte, counts are true or absent, and what is not supported is refused", async (t) => {
  const { send, text, ask } = await opened(t);
  const sql = encodeURIComponent("SELECT length({x:String})");
  assert.equal(await text({ search: `query=${sql}&param_x=${"x".repeat(900_000)}`, get: true }), "900000\n");
  await ask("CREATE TABLE counted (n UInt64) ENGINE = MergeTree ORDER BY n");
  const summaryOf = async (body: string): Promise<Record<string, string>> =>
    JSON.parse((await send({ body })).headers.get("x-clickhouse-summary") ?? "{}");
  assert.equal((await summaryOf("INSERT INTO counted FORMAT TabSeparated\n1\n2\n3\n")).written_rows, "3");
  // JDBC takes no row from an answer without `result_rows`; how many rows were read for it the engine does not tell.
  const selected = await summaryOf("SELECT sum(n) FROM counted");
  assert.deepEqual([selected.result_rows, selected.written_rows, selected.read_rows], ["1", "0", undefined]);
  assert.equal("written_rows" in (await summaryOf("INSERT INTO counted SELECT sum(n) FROM counted")), false);
  for (const name of ["role", "quota_key"])
    assert.match(await text({ search: `${name}=x`, body: "SELECT 1" }), /NOT_IMPLEMENTED/);
});
