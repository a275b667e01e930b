import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { rowBinaryWriter } from "../../infra/warehouse/row-binary.ts";
import { ensureEndpointView } from "../../projections/clickhouse/endpoint-view.ts";
import { originColumns } from "../../projections/clickhouse/sinks/sink.ts";
import { ensureTables, tables } from "../../projections/clickhouse/tables.ts";
import { warehouseContract } from "../contracts/warehouse.contract.ts";

const given = process.env.WAREHOUSE_URL ?? process.env.WAREHOUSE ?? "";
/** WAREHOUSE_CLUSTER runs the second part on a cluster. */
const cluster = process.env.WAREHOUSE_CLUSTER ?? "";
const isHere = /^https?:/.test(given);
const skip = isHere ? false : "WAREHOUSE_URL names no ClickHouse server: http://user:password@host:port";

const server = new URL(isHere ? given : "http://127.0.0.1:1");
const user = decodeURIComponent(server.username) || "default";
const password = decodeURIComponent(server.password);

if (isHere) {
  warehouseContract("ClickHouse server", async () => ({ url: server.origin, user, password, close: async () => {} }));
}

describe("the platform's tables on a ClickHouse server", { skip }, () => {
  let warehouse: Warehouse;
  const rows = async (query: string): Promise<unknown[]> =>
    (await warehouse.client.query({ query, format: "JSONEachRow" })).json();
  const run = async (...statements: string[]): Promise<void> => {
    for (const query of statements) await warehouse.client.command({ query });
  };
  const drop = (): Promise<void> => run(...tables.flatMap(({ name }) => warehouse.ddl.dropTable(name)));

  before(async () => {
    const url = new URL(server);
    url.pathname = "/millrace_contract";
    warehouse = openWarehouse(url.href, { cluster });
    await warehouse.ensureDatabase();
    await drop();
    await ensureTables(warehouse);
  });
  after(async () => {
    await drop();
    await warehouse.close();
  });

  it("are made once, with a view of an endpoint", async () => {
    await ensureTables(warehouse);
    const view = { project: "shop", endpoint: "late", columns: [{ name: "amount", from: "event.amount" }] };
    await ensureEndpointView(warehouse, view);
    assert.deepEqual(await rows("SELECT count() AS n FROM predictions_shop_late"), [{ n: 0 }]);
    await run(...warehouse.ddl.dropTable("predictions_shop_late"));
  });

  it("take an insert once, however often it is sent", async () => {
    const writer = rowBinaryWriter();
    for (let i = 0; i < 20_000; i++) {
      for (const text of ["shop", "topic"]) writer.string(text);
      writer.u32(i % 4);
      writer.i64(i);
      writer.string(`entity ${i}`);
    }
    const columns = `${originColumns}, entity`;
    for (let sent = 0; sent < 3; sent++) {
      await warehouse.insert(
        { table: "feature_values", columns, format: "RowBinary" },
        writer.bytes(),
        "the same insert",
      );
    }
    assert.deepEqual(
      await rows(
        "SELECT _partition AS p, count() AS n, max(_offset) AS last FROM feature_values GROUP BY p ORDER BY p",
      ),
      [0, 1, 2, 3].map((p) => ({ p, n: 5_000, last: 19_996 + p })),
    );
  });

  it("change places with a twin", async () => {
    const { ddl } = warehouse;
    const audit = tables.find(({ name }) => name === "audit") as (typeof tables)[number];
    const twin = "audit__rebuild";
    // Twice: what has changed places once must be able to do so again.
    for (const reason of ["first", "second"]) {
      await run(...ddl.dropTable(twin), ...ddl.createTable(audit, twin));
      await warehouse.client.insert({ table: twin, values: [{ reason }], format: "JSONEachRow" });
      await run(ddl.exchangeTables("audit", twin), ...ddl.dropTable(twin));
      assert.deepEqual(await rows("SELECT reason FROM audit"), [{ reason }]);
    }
    assert.deepEqual(await rows(ddl.tablesEndingIn("__rebuild")), []);
  });
});
