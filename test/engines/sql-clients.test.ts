import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { download, downloaded } from "../../infra/native/maven.ts";
import { java, maven, pathOf } from "../../infra/native/tools.ts";
import { root, run } from "../e2e/platform.ts";
import { openWarehouse } from "../support/warehouse.ts";
import { pythonWith } from "./python.ts";

const folder = join(root, "test/engines/clients");
const found = pythonWith(join(folder, "sql-requirements.txt"));

const driver = {
  name: "clickhouse-jdbc-0.9.2",
  dependencies: `
    <dependency><groupId>com.clickhouse</groupId><artifactId>clickhouse-jdbc</artifactId><version>0.9.2</version>
      <classifier>all</classifier></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>`,
};

const hasJava = (): boolean => {
  try {
    return [java, maven].every((tool) => pathOf(tool) !== "");
  } catch {
    return false;
  }
};

const placeOf = (credentials: Record<string, string>, address: string) => ({
  port: new URL(address).port,
  password: credentials["X-ClickHouse-Key"],
});

test("clickhouse-connect reads, inserts, brings tables and cancels with its defaults", {
  skip: "missing" in found ? found.missing : false,
}, async (t) => {
  assert.ok("path" in found);
  const { engine, credentials } = await openWarehouse(t);
  const { port, password } = placeOf(credentials("guest"), engine.address);
  const { code, output } = await run(found.path, [join(folder, "sql.py")], { PORT: port, PASSWORD: password });
  assert.equal(code, 0, output);
  assert.match(output, /clickhouse-connect passes/);
});

test("ClickHouse's JDBC driver reads, inserts and cancels with its defaults", {
  skip: hasJava() ? false : "needs java and maven",
}, async (t) => {
  await download(driver, () => t.diagnostic("downloading the driver"));
  const { engine, credentials } = await openWarehouse(t);
  const { port, password } = placeOf(credentials("guest"), engine.address);
  const classes = `${downloaded(driver)}/*`;
  const program = join(folder, "Jdbc.java");
  const { code, output } = await run(pathOf(java), ["-cp", classes, program, `127.0.0.1:${port}`, password]);
  assert.equal(code, 0, output);
  assert.match(output, /JDBC passes/);
});
