import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Datasets, openDatasets } from "../support/datasets.ts";

describe("what stands in a CSV file is what is read, or it is refused by its place", () => {
  let datasets: Datasets;
  before(async () => {
    datasets = await openDatasets();
  });
  after(() => datasets.close());
  const rowsOf = async (content: string | Uint8Array): Promise<unknown[][]> =>
    datasets.cells((await datasets.load(content, "csv")).table);

  it("blanks around a text are part of it, in the header, too", async () => {
    const { schema, table } = await datasets.load("a, b\n x ,\ty\n", "csv");
    assert.deepEqual(
      schema.map(({ name }) => name),
      ["a", " b"],
    );
    assert.deepEqual(await datasets.cells(table), [[" x ", "\ty"]]);
  });

  it("\\N and NA are texts among texts", async () => {
    assert.deepEqual(await rowsOf("a,b\n\\N,1\nNA,2\n,3\n"), [
      ["\\N", "1"],
      ["NA", "2"],
      [null, "3"],
    ]);
  });

  it("a second keeps its nine digits, and a time that cannot be kept is a text", async () => {
    assert.deepEqual(await rowsOf("t\n2024-03-10T02:30:00.123456789\n"), [["2024-03-10 02:30:00.123456789"]]);
    const far = "9999-03-10T02:30:00.123456789";
    assert.deepEqual(await rowsOf(`t\n${far}\n`), [[far]]);
    assert.deepEqual(await rowsOf("t\n2024-02-30T00:00:00\n"), [["2024-02-30T00:00:00"]]);
  });

  it("large whole numbers keep their digits beside fractions, and beyond 64 bits", async () => {
    assert.deepEqual(await rowsOf("a,b\n9007199254740993,18446744073709551617\n1.5,1\n"), [
      ["9007199254740993", "18446744073709551617"],
      ["1.5", "1"],
    ]);
    assert.deepEqual(await rowsOf("a\n18446744073709551615\n"), [["18446744073709551615"]]);
  });

  it("bytes that are not UTF-8 are refused by row and column", async () => {
    await datasets.refuses(
      Buffer.from("a,b\n1,x\n2,caf\xe9\n", "latin1"),
      "csv",
      /^row 2 \(line 3\), column "b": .*0xe9 is not UTF-8/,
    );
    await datasets.refuses(Buffer.from("caf\xe9,b\n1,2\n", "latin1"), "csv", /^line 1, column 1: .*0xe9/);
  });

  it("UTF-16 and other separators are read", async () => {
    const rows = [["1", "é, x"]];
    for (const order of [(bytes: Buffer) => bytes, (bytes: Buffer) => bytes.swap16()]) {
      assert.deepEqual(await rowsOf(order(Buffer.from("\ufeffa\tb\r\n1\té, x\r\n", "utf16le"))), rows);
    }
    assert.deepEqual(await rowsOf("a;b\n1;é, x\n"), rows);
    assert.deepEqual(await rowsOf("sep=|\na|b\n1|é, x\n"), rows);
  });

  it("columns without a name are kept", async () => {
    const { schema } = await datasets.load(",a,\n0,1,2\n", "csv");
    assert.deepEqual(
      schema.map(({ name }) => name),
      ["Unnamed: 0", "a", "Unnamed: 2"],
    );
  });

  it("a line that a refusal names is there", async () => {
    await datasets.refuses('a,b\n1,"x\ny"\n\n2,3,4\n', "csv", /^row 2 \(line 5\), column "b": the row has more values/);
    await datasets.refuses("a,b\n1,2\n3\n", "csv", /^row 2 \(line 3\), column "b": the row ends before it/);
  });
});
