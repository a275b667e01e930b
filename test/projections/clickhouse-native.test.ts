import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  arrayColumn,
  dictionaryColumn,
  int32Column,
  nativeBlock,
  numberColumn,
  stringColumn,
} from "../../infra/warehouse/native-block.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";

type Row = { kind: string; text: string; number: number; features: number[]; lookups: { view: string; at: number }[] };

/** Rows of every kind of column, with as many different kinds as are asked for; texts of up to 300 bytes. */
const rowAt = (i: number, kinds: number): Row => ({
  kind: i % 3 === 0 ? "" : `kïnd ${i % kinds}`,
  text: "é".repeat((i * 7) % 150),
  number: i - 5,
  features: Array.from({ length: i % 4 }, (_, f) => i + f / 2),
  lookups: Array.from({ length: i % 3 }, (_, l) => ({ view: `view ${"x".repeat(i % 200)}`, at: l - i })),
});

const columnsOf = () => {
  const kind = dictionaryColumn("kind");
  const text = stringColumn("text");
  const number = int32Column("number");
  const feature = numberColumn("feature", "Float32", 4);
  const features = arrayColumn("features", "Array(Float32)", [feature]);
  const [view, at] = [stringColumn("view"), int32Column("at")];
  const lookups = arrayColumn("lookups", "Array(Tuple(view String, at Int32))", [view, at]);
  const block = nativeBlock([kind, text, number, features, lookups]);
  /** `steps` below 5 leaves the row half written. */
  const write = (row: Row, steps = 5): void => {
    const kindBytes = Buffer.from(row.kind);
    const parts = [
      () => kind.to.stringBytes(kindBytes, 0, kindBytes.length),
      () => text.to.string(row.text),
      () => number.to.u32(row.number),
      () => {
        features.to.varint(row.features.length + (steps === 4 ? 3 : 0));
        for (const value of row.features) feature.to.f32(value);
      },
      () => {
        lookups.to.varint(row.lookups.length);
        for (const one of row.lookups) {
          view.to.string(one.view);
          at.to.u32(one.at);
        }
      },
    ];
    for (const part of parts.slice(0, steps)) part();
  };
  return { block, write };
};

describe("Native blocks", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openFixture();
  });
  after(() => fixture.close());

  const roundTrip = async (name: string, block: { bytes(): Buffer }): Promise<Row[]> => {
    await fixture.warehouse.client.command({
      query: `CREATE TABLE ${name} (kind LowCardinality(String), text String, number Int32, features Array(Float32),
        lookups Array(Tuple(view String, at Int32))) ENGINE = MergeTree ORDER BY number`,
    });
    const columns = "kind, text, number, features, lookups";
    await fixture.warehouse.insert({ table: name, columns, format: "Native" }, block.bytes(), name);
    return fixture.rows<Row>(`SELECT * FROM ${name} ORDER BY number`);
  };

  for (const [kinds, rows] of [
    [2, 500],
    [255, 2_000],
    [300, 2_000],
    [70_001, 120_000],
  ]) {
    it(`come back as they were written: ${rows} rows of ${kinds} kinds`, async () => {
      const { block, write } = columnsOf();
      const expected = Array.from({ length: rows }, (_, i) => rowAt(rows > 10_000 ? i * 3 + 1 : i, kinds));
      for (const row of expected) {
        write(row);
        block.endRow();
      }
      assert.equal(block.rows, rows);
      const found = await roundTrip(`kinds_${kinds}`, block);
      assert.equal(found.length, rows);
      for (let i = 0; i < rows; i++) assert.deepEqual(found[i], expected[i]);
    });
  }

  it("forget rows that were not ended, wherever they broke off, and begin anew after a reset", async () => {
    const { block, write } = columnsOf();
    for (let round = 0; round < 2; round++) {
      block.reset();
      const expected: Row[] = [];
      for (let i = 0; i < 400; i++) {
        const row = rowAt(i + round * 1_000, 20);
        if (i % 2 === 1) {
          write(row, 1 + (i % 5));
          block.dropRow();
        } else {
          write(row);
          block.endRow();
          expected.push(row);
        }
      }
      assert.deepEqual(await roundTrip(`dropped_${round}`, block), expected);
    }
  });
});
