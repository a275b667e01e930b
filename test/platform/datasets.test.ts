import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { datasetTable } from "../../projections/clickhouse/datasets/sql.ts";
import { eventually } from "../streams/world.ts";
import { datasetDoor } from "../support/datasets.ts";
import { type Running, runPlatform, settingsFor, temporaryFolder } from "./shop.ts";

describe("datasets of a running platform", () => {
  const closers: (() => unknown)[] = [];
  let running: Running;
  let folder: string;
  let door: ReturnType<typeof datasetDoor>;

  before(async () => {
    // One platform for all: its end is the end of the suite.
    const context = { after: (end: () => unknown) => closers.push(end) } as unknown as TestContext;
    folder = temporaryFolder(context);
    running = await runPlatform(context, settingsFor(folder, { DATASET_MAX_BYTES: "100000" }));
    door = datasetDoor(running.platform.url);
    for (const id of ["shop", "other"]) {
      await door.graphql(`mutation { createProject(input: { id: "${id}", name: "${id}" }) { position } }`);
    }
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  it("a file becomes a version; equal bytes are that version; another schema is told", async () => {
    const first = await door.send("shop/datasets/orders?format=csv", "id,amount\n1,5\n2,7\n");
    assert.deepEqual([first.status, first.version, first.rows], [201, 1, 2], first.message);
    const again = await door.send("shop/datasets/orders", "id,amount\n1,5\n2,7\n", { "content-type": "text/csv" });
    assert.deepEqual([again.status, again.version, again.digest], [200, 1, first.digest]);
    const second = await door.send("shop/datasets/orders?format=csv", "id,amount,paid\n1,5.5,true\n", {}, "POST");
    assert.deepEqual([second.status, second.version], [201, 2]);
    assert.deepEqual(second.schemaChanges, [
      { column: "amount", from: "Int64", to: "Float64" },
      { column: "paid", from: null, to: "Bool" },
    ]);
    const { dataset } = await door.graphql<{ dataset: object }>(`{ dataset(project: "shop", id: "orders") {
      latestVersion versions { version rows format source { kind } schemaChanges { column }
        profile { rows columns { name kind min max missing } } } } }`);
    assert.deepEqual(dataset, {
      latestVersion: 2,
      versions: [
        {
          version: 2,
          rows: 1,
          format: "csv",
          source: { kind: "upload" },
          schemaChanges: [{ column: "amount" }, { column: "paid" }],
          profile: {
            rows: 1,
            columns: [
              { name: "id", kind: "numeric", min: "1", max: "1", missing: 0 },
              { name: "amount", kind: "numeric", min: "5.5", max: "5.5", missing: 0 },
              { name: "paid", kind: "categorical", min: null, max: null, missing: 0 },
            ],
          },
        },
        {
          version: 1,
          rows: 2,
          format: "csv",
          source: { kind: "upload" },
          schemaChanges: [],
          profile: {
            rows: 2,
            columns: [
              { name: "id", kind: "numeric", min: "1", max: "2", missing: 0 },
              { name: "amount", kind: "numeric", min: "5", max: "7", missing: 0 },
            ],
          },
        },
      ],
    });
    assert.equal(first.table, "dataset_shop_orders_v1");
    await eventually("the views", async () => {
      const [{ found }] = await running.sql<{ found: number }>(
        "SELECT count() AS found FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'dataset_shop_orders_v')",
      );
      return Number(found) === 2;
    });
    assert.deepEqual(await running.sql("SELECT * FROM `dataset_shop_orders_v1` ORDER BY id"), [
      { id: 1, amount: 5 },
      { id: 2, amount: 7 },
    ]);
  });

  it("a query's rows are a version, whatever their order; parameters are bound", async () => {
    const query = "SELECT number AS n, number * 2 AS twice FROM numbers({count:UInt64})";
    const first = await door.ask("shop", "made", { query, parameters: { count: "10" } });
    assert.deepEqual([first.status, first.rows], [201, 10], first.message);
    const reversed = await door.ask("shop", "made", { query: `${query} ORDER BY n DESC`, parameters: { count: "10" } });
    assert.deepEqual([reversed.status, reversed.version, reversed.digest], [200, 1, first.digest]);
    const more = await door.ask("shop", "made", { query, parameters: { count: "11" } });
    assert.deepEqual([more.status, more.version], [201, 2]);
    const { createDatasetFromQuery } = await door.graphql<{ createDatasetFromQuery: object }>(
      `mutation { createDatasetFromQuery(project: "shop", input: { dataset: "asked", query: "SELECT 1 AS one" }) {
        dataset { slug versions { version rows source { kind text } } } } }`,
    );
    assert.deepEqual(createDatasetFromQuery, {
      dataset: {
        slug: "asked",
        versions: [{ version: 1, rows: 1, source: { kind: "query", text: "SELECT 1 AS one" } }],
      },
    });
  });

  it("a table and a query have the rows of the project alone", async () => {
    await door.send("other/datasets/secret?format=csv", "a\n1\n");
    const documents = "SELECT count() AS documents, countIf(project != 'shop') AS foreign FROM documents";
    await eventually("the documents", async () => {
      const rows = await running.sql("SELECT 1 FROM documents WHERE project = 'other' AND collection = 'datasets'");
      return rows.length > 0;
    });
    const made = await door.ask("shop", "documents", { query: `${documents} HAVING foreign = 0 AND documents > 0` });
    assert.equal(made.status, 201, made.message);
    const inside = await door.ask("shop", "documents", {
      query: `SELECT * FROM (WITH d AS (${documents}) SELECT * FROM d) WHERE foreign > 0`,
    });
    assert.equal(inside.code, "INVALID_DATASET", inside.message);
    assert.equal((await door.ask("shop", "documents", { table: "documents" })).status, 201);
    await eventually(
      "the view",
      async () => (await running.sql("SHOW TABLES LIKE 'dataset_other_secret_v1'")).length > 0,
    );
    const copied = await door.ask("other", "copied", { table: "dataset_other_secret_v1" });
    assert.deepEqual([copied.status, copied.rows], [201, 1], copied.message);
    const physical = (await running.sql<{ name: string }>("SHOW TABLES LIKE 'dataset_%_csv'"))[0].name;
    for (const from of [
      "dataset_other_secret_v1",
      physical,
      "system.tables",
      "file('/etc/hostname', LineAsString)",
      "merge(currentDatabase(), '.*')",
      "numbers(1) WHERE 1 IN dataset_other_secret_v1",
      "numbers(1) WHERE number IN (SELECT a FROM dataset_other_secret_v1)",
      "numbers(1) WHERE file('/etc/hostname') != ''",
      "view(SELECT * FROM dataset_other_secret_v1)",
    ]) {
      const refused = await door.ask("shop", "reach", { query: `SELECT 1 AS x FROM ${from}` });
      assert.equal(refused.code, "FORBIDDEN", `${from}: ${refused.message}`);
    }
  });

  it("a query can only read, and is one", async () => {
    for (const query of [
      "DROP TABLE documents",
      "SELECT 1; DROP TABLE documents",
      "SELECT 1) INTO OUTFILE 'x.csv' FORMAT CSV; SELECT (1",
      "SELECT 1 SETTINGS additional_table_filters = {}",
      "SELECT 1 -- (\n)",
      "SELECT 'open",
      "SELECT 1 /* open",
      "(EXPLAIN SELECT 1)",
      "SELECT $$a$$",
      "SELECT nothing",
      "SELECT {missing:UInt8} AS x",
    ]) {
      const refused = await door.ask("shop", "reads", { query });
      assert.equal(refused.code, "BAD_REQUEST", `${query}: ${refused.message}`);
      assert.match(refused.message, /^query: |^CreateDatasetFromQuery: /);
    }
    assert.equal(
      (await door.ask("shop", "reads", { query: "SELECT ')' AS a, `a` AS b /* ( */ FROM (SELECT 1 AS `a`) -- )" }))
        .status,
      201,
    );
    assert.equal((await running.sql("SELECT 1 FROM documents LIMIT 1")).length, 1);
  });

  it("refuses what is no file of its format, or too large, and keeps nothing of it", async () => {
    const refusals: [string, string, number, string, RegExp][] = [
      ["shop/datasets/bad?format=csv", "a,b\n1,2\n3\n", 422, "INVALID_DATASET", /row 2 \(line 3\)/],
      ["shop/datasets/bad?format=csv", "", 422, "INVALID_DATASET", /empty/],
      ["shop/datasets/bad?format=xlsx", "a", 400, "BAD_REQUEST", /format: expected one of csv, json, parquet, avro/],
      ["shop/datasets/bad", "a", 400, "BAD_REQUEST", /format/],
      ["shop/datasets/bad?format=csv", `a\n${"1\n".repeat(60_000)}`, 413, "DATASET_TOO_LARGE", /100000 bytes/],
      ["shop/datasets/Bad_Name?format=csv", "a\n1\n", 400, "BAD_REQUEST", /dataset: /],
      ["nowhere/datasets/bad?format=csv", "a\n1\n", 404, "NOT_FOUND", /project "nowhere"/],
    ];
    for (const [path, body, status, code, message] of refusals) {
      const refused = await door.send(path, body);
      assert.deepEqual([refused.status, refused.code], [status, code], refused.message);
      assert.match(refused.message, message);
    }
    assert.deepEqual(await door.graphql(`{ dataset(project: "shop", id: "bad") { slug } }`), { dataset: null });
  });

  it("a stream without a length is bounded, too, and a cut connection leaves nothing behind", async () => {
    const incoming = join(folder, "artifacts", "incoming", String(process.pid));
    const url = new URL(`${running.platform.url}/projects/shop/datasets/cut?format=csv`);
    const sent = request(url, { method: "PUT" });
    sent.on("error", () => undefined);
    sent.write("a\n1\n");
    await eventually("the first bytes", async () => readdirSync(incoming).length === 1);
    sent.destroy();
    await eventually("the end", async () => readdirSync(incoming).length === 0);
    const status = await new Promise<number>((resolve, reject) => {
      const long = request(url, { method: "PUT" }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      long.on("error", reject);
      long.write("a\n");
      long.end("1\n".repeat(60_000));
    });
    assert.equal(status, 413);
    assert.deepEqual(await door.graphql(`{ dataset(project: "shop", id: "cut") { slug } }`), { dataset: null });
    assert.deepEqual(readdirSync(incoming), []);
  });

  it("a table that the warehouse lost is loaded again by its bytes", async () => {
    const csv = "a\n41\n42\n";
    const made = await door.send("shop/datasets/lost?format=csv", csv);
    const table = datasetTable(made.digest, "csv");
    await running.warehouse.client.command({ query: `DROP TABLE ${table} SYNC` });
    const again = await door.send("shop/datasets/lost?format=csv", csv);
    assert.equal(again.status, 200, again.message);
    assert.deepEqual(await running.sql(`SELECT a FROM ${table} ORDER BY _row`), [{ a: 41 }, { a: 42 }]);
  });

  it("two at the same time make one version", async () => {
    const both = await Promise.all([1, 2].map(() => door.send("shop/datasets/both?format=csv", "a\n1\n")));
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 201]);
    assert.deepEqual(
      both.map(({ version }) => version),
      [1, 1],
    );
  });
});
