import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { folderArtifacts } from "../../infra/artifacts/folder.ts";
import type { Artifacts } from "../../infra/artifacts/port.ts";
import { snapshotRows } from "../../projections/clickhouse/datasets/snapshot.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { evilSelects, type Targets } from "../support/attacks.ts";

/**
 * The guard read what the engine prints for people: an alias, a function as an argument, a CTE, backticks, or FINAL
 * behind a table function got past it. And the engine computes subqueries while it explains a query, before anybody
 * had looked which tables they read: their rows stood in the error.
 */
describe("a dataset's query reaches neither the host nor rows of other projects", () => {
  let fixture: Fixture;
  let artifacts: Artifacts;
  let targets: Targets;
  let asked = 0;
  const cleanups: (() => unknown)[] = [];
  const secretText = "the secret of the file";
  const foreignText = "the secret of the other project";

  before(async () => {
    fixture = await openFixture();
    artifacts = folderArtifacts(join(fixture.folder, "artifacts"));
    const server = createServer((_, response) => response.end("x\n"));
    server.on("connection", () => asked++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    const secret = join(fixture.folder, "secret.csv");
    writeFileSync(secret, secretText);
    const { port } = server.address() as AddressInfo;
    targets = { secret, written: join(fixture.folder, "written.txt"), server: `http://127.0.0.1:${port}` };
    const { client } = fixture.warehouse;
    const documents = (project: string, doc: string) => ({
      collection: "models",
      project,
      id: "m",
      position: "1",
      at: "2026-01-01 00:00:00.000",
      doc,
      deleted: 0,
    });
    await client.insert({
      table: "documents",
      values: [documents("shop", "its own"), documents("other", foreignText)],
      format: "JSONEachRow",
    });
    await client.command({
      query: "CREATE TABLE dataset_0a_csv (_row UInt64, a String) ENGINE = MergeTree ORDER BY _row",
    });
    await client.command({ query: `INSERT INTO dataset_0a_csv VALUES (0, '${foreignText}')` });
    await client.command({
      query: "CREATE VIEW dataset_other_secret_v1 AS SELECT * EXCEPT (_row) FROM dataset_0a_csv",
    });
    await client.command({ query: "CREATE TABLE with_slash (project String, `km/h` Int64) ENGINE = Memory" });
    await client.command({ query: "INSERT INTO with_slash VALUES ('shop', 7), ('other', 8)" });
  });
  after(async () => {
    for (const clean of cleanups) clean();
    await artifacts.close();
    await fixture.close();
  });

  const ask = (query: string, parameters: Record<string, string> = {}) =>
    snapshotRows({ ...fixture, artifacts }, "shop", { query, table: null, parameters }, 10_000_000);
  const rowsOf = async (query: string): Promise<string> => {
    const { digest } = await ask(query);
    return (await artifacts.read(digest)).toString("latin1");
  };
  const refuses = async (query: string, parameters: Record<string, string> = {}): Promise<string> => {
    let message = "";
    await assert.rejects(
      ask(query, parameters),
      (error) => {
        message = (error as Error).message;
        assert.ok(isMillraceError(error, "FORBIDDEN") || isMillraceError(error, "BAD_REQUEST"), `${query}: ${error}`);
        return true;
      },
      query,
    );
    assert.ok(!message.includes(secretText) && !message.includes(foreignText), `${query}: ${message}`);
    return message;
  };

  it("refuses whatever the warehouse's port refuses", async () => {
    for (const query of evilSelects(targets)) await refuses(query, { f: "file", t: "audit" });
    assert.equal(asked, 0, "no server was asked");
    assert.deepEqual(readdirSync(fixture.folder).sort(), ["artifacts", "secret.csv", "warehouse"]);
  });

  it("refuses tables of other projects, wherever they are named, before anything of the query runs", async () => {
    for (const query of [
      "SELECT * FROM dataset_other_secret_v1",
      "SELECT * FROM dataset_0a_csv",
      "SELECT * FROM millrace.dataset_0a_csv",
      "SELECT * FROM `millrace`.`dataset_0a_csv` FINAL",
      'SELECT * FROM "millrace.dataset_0a_csv"',
      "SELECT 1 IN dataset_0a_csv",
      "SELECT 1 WHERE '' NOT IN (SELECT a FROM dataset_other_secret_v1)",
      "SELECT toUInt8((SELECT a FROM dataset_0a_csv))",
      "SELECT throwIf((SELECT count() FROM dataset_0a_csv) = 1)",
      "WITH (SELECT a FROM dataset_0a_csv) AS x SELECT toUInt8(x)",
      "WITH x AS (SELECT a FROM dataset_0a_csv) SELECT * FROM x",
      "WITH dataset_0a_csv AS (SELECT 1) SELECT * FROM dataset_0a_csv",
      "SELECT * FROM numbers(1) AS n, dataset_0a_csv AS d",
      "SELECT * FROM numbers(1) AS n LEFT JOIN dataset_0a_csv AS d ON 1",
      "SELECT 1 UNION ALL SELECT length(a) FROM dataset_0a_csv",
      "SELECT * FROM {t:Identifier}",
      "SELECT * FROM merge('millrace', '.*') FINAL",
      "SELECT * FROM system.tables",
      "SELECT * FROM information_schema.tables",
      "SELECT 1 AS `x, table_name: millrace.documents` FROM dataset_0a_csv AS `y, table_name: millrace.documents`",
    ]) {
      await refuses(query, { t: "dataset_0a_csv" });
    }
  });

  it("filters the project's rows in subqueries that the engine computes while it looks at the query", async () => {
    const none = await rowsOf("SELECT toUInt8((SELECT doc FROM documents WHERE project = 'other')) AS x");
    assert.ok(!none.includes(foreignText));
    const message = await refuses("SELECT toUInt8(assumeNotNull((SELECT max(doc) FROM documents))) AS x");
    assert.match(message, /its own/, "rows of the project itself may stand there");
    for (const query of [
      "SELECT max(doc) AS x FROM documents",
      "SELECT (SELECT groupArray(doc) FROM documents FINAL) AS x",
      "WITH d AS (SELECT * FROM documents) SELECT groupArray(doc) AS x FROM d AS one JOIN d AS two USING id",
      "SELECT arrayMap(x -> x, groupArray(doc)) AS x FROM documents",
    ]) {
      const rows = await rowsOf(query);
      assert.match(rows, /its own/, query);
      assert.ok(!rows.includes(foreignText), query);
    }
  });

  it("takes what SQL people write, with columns of any name", async () => {
    assert.match(await rowsOf("SELECT `km/h` AS speed FROM with_slash"), /speed/);
    assert.match(
      await rowsOf("SELECT t.file AS file FROM (SELECT 1 AS `a`, 2 AS file) AS t -- )").catch(String),
      /file/,
    );
    await rowsOf("WITH x AS (SELECT number AS n FROM numbers(10)) SELECT n, count() OVER (ORDER BY n) AS c FROM x");
    await rowsOf(
      "SELECT quantileIf(0.5)(number, number > 2) AS q, sumOrNull(number) AS s FROM numbers(10) GROUP BY ALL",
    );
    await rowsOf("SELECT CAST('1' AS Nullable(Int8)) AS a, toDate('2026-01-01') + INTERVAL 1 DAY AS b, [1, 2][1] AS c");
    await rowsOf("FROM numbers(3) SELECT multiIf(number = 1, 'a', number = 2, 'b', 'c') AS x LIMIT 2;");
  });

  it("bounds time and memory, in a lane of its own, and says what to do", async () => {
    await assert.rejects(ask("SELECT groupArray(number) AS x FROM numbers(1000000000)"), (error) => {
      assert.ok(isMillraceError(error, "BAD_REQUEST"), String(error));
      assert.match((error as Error).message, /more than a query may take .*fewer rows/);
      return true;
    });
  });
});
