import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isAllowedFunction } from "../../infra/warehouse/policy/expression.ts";
import { aggregateFunctions, plainFunctions, refusedFunctions } from "../../infra/warehouse/policy/functions.ts";
import { refusedTableFunctions, tableFunctions } from "../../infra/warehouse/policy/names.ts";
import { tokensOf } from "../../infra/warehouse/sql/lexer.ts";
import { outlineOf } from "../../infra/warehouse/sql/outline.ts";
import { type OpenedWarehouse, openWarehouse } from "../support/warehouse.ts";

describe("the allow list of guests' SQL", () => {
  const cleanups: (() => unknown)[] = [];
  let warehouse: OpenedWarehouse;
  const names = async (table: string): Promise<string[]> =>
    (await warehouse.ask(`SELECT lower(name) FROM system.${table}`, { as: "platform" })).text
      .split("\n")
      .filter(Boolean);
  before(async () => {
    warehouse = await openWarehouse({ after: (clean) => cleanups.push(clean as () => unknown) });
  });
  after(async () => {
    for (const clean of cleanups) await clean();
  });

  it("knows every function of the engine, as allowed or as refused", async () => {
    const known = [plainFunctions, aggregateFunctions, refusedFunctions];
    const unknown = (await names("functions")).filter((name) => known.every((list) => !list.has(name)));
    assert.deepEqual(unknown, [], "look at what they do, and put them in a list");
    for (const name of refusedFunctions) {
      assert.equal(plainFunctions.has(name) || aggregateFunctions.has(name), false, name);
      for (const combined of [name, `${name}If`, `${name}OrNull`]) assert.equal(isAllowedFunction(combined), false);
    }
  });

  it("knows every table function of the engine, and allows none that the engine refuses to read-only queries but those that make rows up", async () => {
    const unknown = (await names("table_functions")).filter(
      (name) => !tableFunctions.has(name) && !refusedTableFunctions.has(name),
    );
    assert.deepEqual(unknown, []);
    for (const name of tableFunctions) assert.equal(refusedTableFunctions.has(name), false, name);
    assert.equal(isAllowedFunction("sumIfOrNull"), true);
    assert.equal(isAllowedFunction("newFunctionOfANewEngine"), false);
  });
});

describe("the lexer", () => {
  const kinds = (sql: string): string =>
    tokensOf(sql)
      .map(({ kind, text }) => `${kind}:${text}`)
      .join(" ");

  it("reads strings, names, comments and numbers as ClickHouse does", () => {
    assert.equal(kinds("a 'b''c\\'' \"d\" `e``f`"), "word:a string:'b''c\\'' name:d name:e``f");
    assert.equal(kinds("1 -- ;\n/* ; */ 2.5e-3 0xFF t.1"), "number:1 number:2.5e-3 number:0xFF word:t sign:. number:1");
    assert.equal(kinds("a->b::c"), "word:a sign:-> word:b sign::: word:c");
  });

  it("takes for strange what may be read in two ways, or never ends", () => {
    for (const sql of [
      "$$a$$",
      "a$b",
      "1a",
      "'open",
      "`open",
      "/* open",
      "#x",
      "//x",
      "\u2018a\u2019",
      "a\u00a0b",
      "\0",
      "@a",
      "a|b",
    ]) {
      assert.ok(
        tokensOf(sql).some(({ kind }) => kind === "strange"),
        sql,
      );
    }
  });

  it("finds where a statement ends, its format, and whether it answers rows", () => {
    assert.deepEqual(
      ["SELECT 1 FORMAT CSV;", "(SELECT 1) -- x", "INSERT INTO t VALUES (1)", "SELECT 'a' AS format"].map((sql) => {
        const { text, isSeveral, answersRows, format } = outlineOf(sql);
        return [text, isSeveral, answersRows, format];
      }),
      [
        ["SELECT 1 FORMAT CSV", false, true, "CSV"],
        ["(SELECT 1)", false, true, null],
        ["INSERT INTO t VALUES (1)", false, false, null],
        ["SELECT 'a' AS format", false, true, null],
      ],
    );
    assert.equal(outlineOf("SELECT 1; ; -- x").isSeveral, false);
    assert.equal(outlineOf("SELECT 1; x").isSeveral, true);
  });

  it("takes time linear in the text's length", () => {
    const since = performance.now();
    const [, text] = tokensOf(`x '${"a\\'".repeat(2_000_000)}'`);
    assert.equal(text.kind, "string");
    for (const opening of ["'", "`", "/*", "/* ", "(", "-- "]) tokensOf(opening.repeat(200_000));
    assert.ok(performance.now() - since < 5_000);
  });
});
