import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { clusterSettings, type Ddl, ddlOf, readOwnWrites } from "../../infra/warehouse/ddl.ts";
import { tables } from "../../projections/clickhouse/tables.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";

const statementsOf = (ddl: Ddl): string[] => [
  ddl.createDatabase(),
  ...tables.flatMap((table) => ddl.createTable(table)),
  ...tables.flatMap((table) => ddl.createTable(table, `${table.name}__rebuild`)),
  ddl.exchangeTables("predictions", "predictions__rebuild"),
  ...ddl.dropTable("predictions__rebuild"),
  ddl.createView("predictions_shop_late", "SELECT id, p.features[1] AS `amount` FROM predictions AS p"),
  ddl.tablesEndingIn("__rebuild"),
];

describe("statements that define tables", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openFixture();
  });
  after(() => fixture.close());

  const parsed = async (statement: string): Promise<string> => {
    const answer = await fixture.warehouse.client.query({
      query: "SELECT formatQuerySingleLine({statement:String}) AS text",
      query_params: { statement },
      format: "JSONEachRow",
    });
    const [{ text }] = await answer.json<{ text: string }>();
    return text;
  };

  for (const cluster of [null, "main", "{cluster}"]) {
    it(`are ClickHouse's SQL ${cluster === null ? "on one server" : `on the cluster ${cluster}`}`, async () => {
      for (const statement of statementsOf(ddlOf({ database: "mill`race", cluster }))) {
        const text = await parsed(statement);
        assert.equal(text.includes("ON CLUSTER"), cluster !== null && !text.startsWith("SELECT"), text);
        if (cluster !== null) assert.ok(text.includes(cluster), text);
      }
    });
  }

  it("are refused where they are no SQL", async () => {
    await assert.rejects(parsed("CREATE TABLE x ON CLUSTER 'c' (a) ENGINE = "), { type: "SYNTAX_ERROR" });
  });

  it("make a replicated table and its face, under a path that no name is part of", async () => {
    const ddl = ddlOf({ database: "millrace", cluster: "main" });
    const drift = tables.find(({ name }) => name === "drift") as (typeof tables)[number];
    const [local, face] = await Promise.all(ddl.createTable(drift, "drift__rebuild").map(parsed));
    assert.match(local, /^CREATE TABLE IF NOT EXISTS drift__rebuild_local ON CLUSTER main /);
    assert.match(
      local,
      /ENGINE = ReplicatedReplacingMergeTree\('\/clickhouse\/tables\/\{shard\}\/\{uuid\}', '\{replica\}', _offset\)/,
    );
    assert.match(face, /^CREATE TABLE IF NOT EXISTS drift__rebuild ON CLUSTER main AS drift__rebuild_local ENGINE = /);
    assert.match(face, /Distributed\('main', 'millrace', 'drift__rebuild_local', cityHash64\(_topic\) \+ /);
  });

  it("place the rows of an endpoint's partition together: predictions, outcomes and what replaces them", async () => {
    const shardOf = (table: string): string => tables.find(({ name }) => name === table)?.shardBy ?? "";
    assert.equal(shardOf("predictions"), shardOf("outcomes"));
    for (const { name, shardBy } of tables) {
      const columns = await fixture.rows<{ name: string }>(
        `SELECT name FROM system.columns WHERE database = 'millrace' AND table = '${name}' AND name = '_partition'`,
      );
      assert.equal(shardBy.includes("_partition"), columns.length === 1, name);
      const [{ type }] = await fixture.rows<{ type: string }>(
        `SELECT toTypeName(any(${shardBy})) AS type FROM ${name}`,
      );
      assert.match(type, /^UInt/, name);
    }
  });

  it("name settings that ClickHouse knows", async () => {
    for (const [name, value] of Object.entries(clusterSettings)) {
      await fixture.rows(`SELECT 1 SETTINGS ${name} = ${typeof value === "string" ? `'${value}'` : value}`);
    }
    await fixture.rows(`SELECT count() FROM predictions ${readOwnWrites}`);
  });
});
