import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";

/** `http://host:port`, and who asks, where not everybody may. */
export type OpenedWarehouse = { url: string; user?: string; password?: string; close(): Promise<void> };

/**
 * What clients of ClickHouse's HTTP interface rely on. `open` gives a warehouse whose database `contract` may be
 * dropped and made.
 */
export const warehouseContract = (name: string, open: () => Promise<OpenedWarehouse>): void => {
  describe(`warehouse: ${name}`, () => {
    let url: string;
    let close: () => Promise<void>;
    let client: ClickHouseClient;
    let credentials: Record<string, string> = {};
    const post = (search: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
      fetch(`${url}/?${search}`, { method: "POST", body: body as string, headers: { ...credentials, ...headers } });
    const rows = async (query: string, query_params?: Record<string, unknown>): Promise<unknown[]> =>
      (await client.query({ query, query_params, format: "JSONEachRow" })).json();

    before(async () => {
      const opened = await open();
      const { user = "default", password = "" } = opened;
      url = opened.url;
      close = opened.close;
      credentials = { "X-ClickHouse-User": user, "X-ClickHouse-Key": password };
      client = createClient({
        url,
        username: user,
        password,
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
        log: { level: ClickHouseLogLevel.OFF },
      });
      await client.command({ query: "DROP DATABASE IF EXISTS contract SYNC" });
      await client.command({ query: "CREATE DATABASE contract" });
    });
    after(async () => {
      await client.close();
      await close();
    });

    it("answers /ping, with the client's ping too", async () => {
      assert.equal(await (await fetch(`${url}/ping`)).text(), "Ok.\n");
      assert.deepEqual(await client.ping(), { success: true });
      assert.deepEqual(await client.ping({ select: true }), { success: true });
    });

    it("binds parameters of every kind", async () => {
      const strings = ["x'", "\ty", "back\\slash", "new\nline", "é"];
      const [row] = await rows(
        "SELECT {n:UInt32} AS n, {s:Array(String)} AS s, {d:DateTime64(3)} AS d, {z:Nullable(String)} AS z",
        {
          n: 3,
          s: strings,
          d: new Date(1_500_000_000_123),
          z: null,
        },
      );
      assert.deepEqual(row, { n: 3, s: strings, d: "2017-07-14 02:40:00.123", z: null });
      for (const s of strings) assert.deepEqual(await rows("SELECT {s:String} AS s", { s }), [{ s }]);
    });

    it("takes rows of the client, of curl in one body, and gzipped", async () => {
      await client.command({ query: "CREATE TABLE contract.t (a UInt32, b String) ENGINE = MergeTree ORDER BY a" });
      await client.insert({ table: "contract.t", values: [{ a: 1, b: "one" }], format: "JSONEachRow" });
      await client.insert({
        table: "contract.t",
        values: [[2, "two"]],
        format: "JSONCompactEachRow",
        columns: ["a", "b"],
      });
      assert.equal((await post("", "INSERT INTO contract.t FORMAT CSV\n3,dreï\n")).status, 200);
      const gzipped = await post("query=INSERT+INTO+contract.t+FORMAT+TSV", gzipSync("4\tfour\n"), {
        "Content-Encoding": "gzip",
      });
      assert.equal(gzipped.status, 200);
      assert.equal(JSON.parse(gzipped.headers.get("x-clickhouse-summary") ?? "{}").written_rows, "1");
      await client.command({ query: "INSERT INTO contract.t VALUES (5, 'five')" });
      await client.command({ query: "INSERT INTO contract.t SELECT 6, 'six'" });
      const all = await rows("SELECT * FROM contract.t ORDER BY a");
      assert.deepEqual(
        all,
        ["one", "two", "dreï", "four", "five", "six"].map((b, i) => ({ a: i + 1, b })),
      );
    });

    it("answers in the format of the statement, else of default_format, gzipped where asked", async () => {
      assert.equal(await (await post("", "SELECT 1 AS x, 'y'")).text(), "1\ty\n");
      assert.equal(await (await post("default_format=CSV", "SELECT 1, 'y'")).text(), '1,"y"\n');
      assert.equal(await (await post("default_format=CSV", "SELECT 1 AS x FORMAT JSONEachRow")).text(), '{"x":1}\n');
      const { request } = await import("node:http");
      const body = await new Promise<Buffer>((resolve, reject) => {
        const sent = request(
          `${url}/?enable_http_compression=1&query=SELECT+7`,
          { headers: { ...credentials, "Accept-Encoding": "gzip" } },
          async (response) => {
            assert.equal(response.headers["content-encoding"], "gzip");
            resolve(Buffer.concat(await response.toArray()));
          },
        );
        sent.on("error", reject).end();
      });
      assert.equal(gunzipSync(body).toString(), "7\n");
    });

    it("reports failures with ClickHouse's code and status", async () => {
      await assert.rejects(rows("SELEC 1"), { code: "62", type: "SYNTAX_ERROR" });
      await assert.rejects(rows("SELECT * FROM contract.nothing"), { code: "60", type: "UNKNOWN_TABLE" });
      const failures: [string, number, string][] = [
        ["SELEC 1", 400, "62"],
        ["SELECT * FROM contract.nothing", 404, "60"],
        ["SELECT throwIf(1)", 500, "395"],
      ];
      for (const [query, status, code] of failures) {
        const response = await post("", query);
        assert.deepEqual([response.status, response.headers.get("x-clickhouse-exception-code")], [status, code]);
        assert.match(await response.text(), new RegExp(`^Code: ${code}\\. DB::Exception: `));
      }
    });

    it("keeps a statement's settings and database to itself", async () => {
      assert.equal(
        await (
          await post("max_block_size=17&database=contract", "SELECT getSetting('max_block_size'), currentDatabase()")
        ).text(),
        "17\tcontract\n",
      );
      assert.notEqual(await (await post("", "SELECT getSetting('max_block_size')")).text(), "17\n");
      assert.equal((await post("no_such_setting=1", "SELECT 1")).status, 404);
    });

    it("refuses writes by GET", async () => {
      const query = encodeURIComponent("CREATE DATABASE by_get");
      const response = await fetch(`${url}/?query=${query}`, { headers: credentials });
      assert.equal(response.headers.get("x-clickhouse-exception-code"), "164");
    });

    it("leaks no bytes of a failed query into another answer", async () => {
      const failing = "SELECT number, throwIf(number = 300000) FROM numbers(1000000) SETTINGS max_block_size = 10000";
      // A server that answers while it still computes can no longer take back its status.
      const untilComplete = "wait_end_of_query=1";
      const expected = Array.from({ length: 2000 }, (_, i) => `${i}\n`).join("");
      const asked = Array.from({ length: 60 }, async (_, i) => {
        if (i % 2 === 0) {
          const response = await post(untilComplete, failing);
          assert.equal(response.status, 500);
          assert.ok((await response.text()).startsWith("Code: 395."));
        } else {
          assert.equal(await (await post("", "SELECT number FROM numbers(2000)")).text(), expected);
        }
      });
      await Promise.all(asked);
    });
  });
};
