import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { deflateRawSync, zstdCompressSync } from "node:zlib";
import type { DatasetFormat } from "../../schemas/lifecycle/dataset.ts";
import { avroFile, avroString, zigzag } from "../attacks/avro-bytes.ts";
import { childMemory } from "../attacks/child-memory.ts";
import { doubling, nested, recordOf } from "../attacks/schemas.ts";
import { type Datasets, openDatasets } from "../support/datasets.ts";

const texts = recordOf("string");
const zeros = Buffer.concat([zigzag(300_000_000), Buffer.alloc(300_000_000, 97)]);

describe("a dataset that asks for more than it holds is refused, and the warehouse does not grow", () => {
  let datasets: Datasets;
  const refused = async (message: RegExp, content: string | Uint8Array, format: DatasetFormat) => {
    const memory = childMemory();
    await datasets.refuses(content, format, message);
    const grown = memory.grown();
    assert.ok(grown < 500, `the warehouse grew by ${grown} MB`);
    assert.deepEqual(await datasets.tables("dataset_"), []);
  };

  before(async () => {
    datasets = await openDatasets();
  });
  after(() => datasets.close());

  it("Avro blocks that decompress to very much, or say that they do", async () => {
    const block = (codec: string, bytes: Uint8Array, count = 1) => avroFile(texts, codec, [{ count, bytes }]);
    await refused(/block 1: \d+ bytes of deflate stand for more/, block("deflate", deflateRawSync(zeros)), "avro");
    await refused(
      /block 1: \d+ bytes of zstandard stand for more/,
      block("zstandard", zstdCompressSync(zeros)),
      "avro",
    );
    const claim = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 2, 3, 4]);
    await refused(/block 1: 10 bytes of snappy stand for more/, block("snappy", claim), "avro");
    await refused(/block 1: it is no zstandard/, block("zstandard", Buffer.alloc(99, 9)), "avro");
    await refused(/the codec is xz/, block("xz", claim), "avro");
    await refused(/1000000000 rows are announced in 4 bytes/, block("null", avroString("abc"), 1_000_000_000), "avro");
    const whole = block("null", avroString("abc"));
    await refused(/4000000000 bytes, at most/, Buffer.concat([whole, zigzag(1), zigzag(4e9)]), "avro");
    await refused(/the mark at its end is missing/, Buffer.concat([whole.subarray(0, -1), Buffer.from([8])]), "avro");
    await refused(/ends within what it announces/, whole.subarray(0, -3), "avro");
  });

  it("Avro headers and schemas without end", async () => {
    const one = [{ count: 1, bytes: Buffer.from([0]) }];
    await refused(/the schema of the file: .* more than 5000 values/, avroFile(doubling(24), "null", one), "avro");
    await refused(/the schema of the file: .* nested more than/, avroFile(nested(20_000), "null", one), "avro");
    const magic = Buffer.from("Obj\x01");
    await refused(/schema and metadata/, Buffer.concat([magic, zigzag(1e9), Buffer.alloc(3_000_000)]), "avro");
    await refused(/schema and metadata/, Buffer.concat([magic, zigzag(1), zigzag(4e9), Buffer.alloc(9_000)]), "avro");
    await refused(/does not begin as an Avro file/, "neither", "avro");
  });

  it("very many columns, whichever way", async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
    await refused(/line 1: 10000 columns, at most 1000/, `${names.join()}\n${names.join()}\n`, "csv");
    const rows = names.map((name) => JSON.stringify({ [name]: 1 }));
    await refused(/fields: 10000 columns, at most 1000/, rows.join("\n"), "json");
    const fields = names.slice(0, 2_000).map((name) => ({ name, type: "int" }));
    const wide = avroFile({ type: "record", name: "W", fields }, "null", [{ count: 1, bytes: Buffer.alloc(2_000) }]);
    await refused(/columns: 2000 columns, at most 1000/, wide, "avro");
  });

  it("a row without end", async () => {
    await refused(/row 1 \(line 2\) is longer than 16777216 bytes/, `a,b\n1,"${"x".repeat(40_000_000)}"\n`, "csv");
    await refused(/header is longer/, `"${"x".repeat(3_000_000)}`, "csv");
    await refused(/not valid JSON/, `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, "json");
  });

  it("Parquet pages that decompress to very much", async () => {
    const { stream } = await datasets.fixture.warehouse.client.exec({
      query: `SELECT repeat(repeat('a', 1000000), 30) AS s FROM numbers(40)
        SETTINGS output_format_parquet_compression_method = 'zstd' FORMAT Parquet`,
    });
    const parquet = Buffer.concat(await stream.toArray());
    assert.ok(parquet.length < 1_000_000, String(parquet.length));
    await refused(/needs more than 2 GiB of memory at once/, parquet, "parquet");
  });

  it("nested columns of Parquet whose few bytes stand for very many values", async () => {
    const { exported } = datasets;
    const select =
      "SELECT [if(number < 0, 'x', NULL)] AS l, arrayResize([[toDate32('2020-01-01')]], 60000000, []) AS m";
    const bytes = await exported(`${select} FROM numbers(1) SETTINGS max_block_size = 1`, "Parquet");
    assert.ok(bytes.length < 1_000_000, String(bytes.length));
    await refused(/column "m" has 60000000 values in a row group, at most 50000000/, bytes, "parquet");
  });

  it("as many columns as there may be are loaded within the budget, in order", async () => {
    const names = Array.from({ length: 300 }, (_, i) => `c${i}`);
    const row = (n: number) => names.map((_, i) => n + i).join();
    const csv = [names.join(), ...Array.from({ length: 200 }, (_, n) => row(n))].join("\n");
    const { rows, schema } = await datasets.load(csv, "csv");
    assert.deepEqual([rows, schema.length, schema[299].type], [200, 300, "Int64"]);
  });
});
