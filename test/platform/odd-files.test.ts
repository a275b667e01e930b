import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { type DoorAnswer, datasetDoor } from "../support/datasets.ts";
import { eventually } from "../support/warehouse.ts";
import { type Running, runPlatform, settingsFor, temporaryFolder } from "./shop.ts";

type Kind =
  | "int"
  | "float"
  | "float32"
  | "bool"
  | "text"
  | "date"
  | "timestamp"
  | "clock"
  | "decimal"
  | "bytes"
  | "json";
type Column = { name: string; kind: Kind };
type Right =
  | { file: string; columns: Column[]; rows: (string | null)[][] }
  | { file: string; refused: string; row?: number; column?: string };

const files = new URL("./odd-files/files/", import.meta.url);
/** Made by `odd-files/make.py`: what pandas, pyarrow, fastavro and Python's json read in each file. */
const right = JSON.parse(readFileSync(new URL("./odd-files/right.json", import.meta.url), "utf8")) as Right[];

const types: Record<Kind, RegExp> = {
  int: /^U?Int\d+$/,
  float: /^Float64$/,
  float32: /^Float32$/,
  bool: /^Bool$/,
  text: /^(String|UUID)$/,
  date: /^Date32$/,
  timestamp: /^DateTime64\(\d, 'UTC'\)$/,
  clock: /^String$/,
  decimal: /^Decimal\(/,
  bytes: /^(Fixed)?String/,
  json: /^(String$|Array\()/,
};

const withoutZeros = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

/** JSON with every digit of its whole numbers. The same moment may be written in two ways. */
const parsed = (text: string): unknown =>
  JSON.parse(text, (_, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    if (typeof value === "number" && source !== undefined && /^-?\d+$/.test(source)) return BigInt(source);
    const moment =
      typeof value === "string" && /^(?:moment )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)$/.exec(value)?.[1];
    return typeof moment === "string" ? withoutZeros(moment) : value;
  });

/** A cell as it can be compared, by the kind of its column. */
const comparable = (text: string | null, kind: Kind): unknown => {
  if (text === null) return null;
  if (kind === "float") return Number(text.replace(/inf$/, "Infinity"));
  if (kind === "float32") return Math.fround(Number(text.replace(/inf$/, "Infinity")));
  if (kind === "timestamp" || kind === "clock" || kind === "decimal") return withoutZeros(text);
  return kind === "json" ? parsed(text) : text;
};

describe("small odd files hold what pandas, pyarrow and fastavro read in them", {
  concurrency: 3,
  timeout: 600_000,
}, () => {
  const closers: (() => unknown)[] = [];
  let running: Running;
  let door: ReturnType<typeof datasetDoor>;

  before(async () => {
    // One platform for all: its end is the end of the suite.
    const context = { after: (end: () => unknown) => closers.push(end) } as unknown as TestContext;
    running = await runPlatform(context, settingsFor(temporaryFolder(context)));
    door = datasetDoor(running.platform.url);
    await door.graphql(`mutation { createProject(input: { id: "odd", name: "odd" }) { position } }`);
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  const upload = (file: string): Promise<DoorAnswer> =>
    door.send(
      `odd/datasets/${file.replaceAll(".", "-")}?format=${extname(file).slice(1)}`,
      readFileSync(new URL(file, files)),
    );
  const cellsOf = async ({ table, schema }: DoorAnswer, columns: readonly Column[]): Promise<(string | null)[][]> => {
    const values = columns.map(({ name, kind }, i) => {
      const quoted = `\`${name.replace(/[\\`]/g, "\\$&")}\``;
      if (kind === "bytes") return `if(isNull(${quoted}), NULL, lower(hex(${quoted})))`;
      return schema[i].type.startsWith("Array(") ? `toJSONString(${quoted})` : `toString(${quoted})`;
    });
    await eventually("the view", async () =>
      (await running.sql(`EXISTS VIEW "${table}"`)).some((row) => Object.values(row as object)[0] === 1),
    );
    const { stream } = await running.warehouse.client.exec({
      query: `SELECT ${values.map((value, i) => `${value} AS v${i}`).join(", ")} FROM "${table}" FORMAT JSONCompactEachRow`,
    });
    const text = Buffer.concat(await stream.toArray())
      .toString()
      .trim();
    return text.split("\n").map((line) => JSON.parse(line) as (string | null)[]);
  };

  it("every file is looked at", () => {
    assert.deepEqual(readdirSync(files).sort(), right.map(({ file }) => file).sort());
    assert.ok(right.length >= 60);
  });

  for (const each of right) {
    it(each.file, async () => {
      const answer = await upload(each.file);
      if ("refused" in each) {
        assert.deepEqual([answer.status, answer.code], [422, "INVALID_DATASET"], answer.message);
        assert.match(answer.message, new RegExp(each.refused));
        if (each.row !== undefined) assert.match(answer.message, new RegExp(`row ${each.row}\\b`));
        if (each.column !== undefined) assert.ok(answer.message.includes(`"${each.column}"`), answer.message);
        return;
      }
      assert.equal(answer.status, 201, answer.message);
      const { columns, rows } = each;
      assert.deepEqual(
        answer.schema.map(({ name }) => name),
        columns.map(({ name }) => name),
      );
      for (const [i, { name, kind }] of columns.entries()) {
        assert.match(answer.schema[i].type, types[kind], `column ${name}`);
      }
      const found = await cellsOf(answer, columns);
      assert.equal(found.length, rows.length);
      for (const [row, cells] of rows.entries()) {
        for (const [i, { name, kind }] of columns.entries()) {
          const place = `row ${row + 1}, column ${name}`;
          assert.deepEqual(comparable(found[row][i], kind), comparable(cells[i], kind), place);
        }
      }
    });
  }
});
