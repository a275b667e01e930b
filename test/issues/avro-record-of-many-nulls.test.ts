import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { avroType, frame, recordDecoder, valueDecoder } from "../../schemas/codec.ts";
import { driftSchema, predictionSchema } from "../../schemas/topics.ts";
import { framed, zigzag } from "../attacks/avro-bytes.ts";
import { refusedWithin, within } from "../attacks/budget.ts";
import { doublingUnions, linkedList, recordOf } from "../attacks/schemas.ts";

const decode = (schema: unknown, bytes: Buffer, reader = schema): unknown =>
  recordDecoder(JSON.stringify(reader), () => JSON.stringify(schema)).decode(bytes, 0, bytes.length);
const refused = (message: RegExp, schema: unknown, bytes: Buffer, reader = schema) =>
  refusedWithin({}, "UNDECODABLE_RECORD", message, () => decode(schema, bytes, reader));

const array = (items: unknown) => ({ type: "array", items });
const emptyRecord = { type: "record", name: "Empty", fields: [] };

describe("an Avro record that announces more than its bytes hold", () => {
  it("arrays of nulls, however they are laid", () => {
    const nulls = recordOf(array(array("null")) as never);
    const inner = Buffer.concat([zigzag(65_536), zigzag(0)]);
    const arrays = Buffer.concat(Array.from({ length: 6_000 }, () => inner));
    const bytes = framed(zigzag(6_000), arrays, zigzag(0));
    assert.ok(bytes.length < 25_000);
    refused(/65536 items are announced/, nulls, bytes);

    const one = recordOf(array("null") as never);
    refused(/1000000000 items/, one, framed(zigzag(1_000_000_000), zigzag(0)));
    refused(/1000000000 items/, one, framed(zigzag(-1_000_000_000), zigzag(0), zigzag(0)));
    const blocks = Buffer.concat(Array.from({ length: 6_000 }, () => zigzag(65_536)));
    refused(/65536 items/, one, framed(blocks, zigzag(0)));
  });

  it("records without fields, and with nulls only", () => {
    refused(/items are announced/, recordOf(array(emptyRecord) as never), framed(zigzag(100_000), zigzag(0)));
    const fields = Array.from({ length: 1_000 }, (_, i) => ({ name: `n${i}`, type: "null" }));
    const wide = { type: "record", name: "Wide", fields };
    refused(/items are announced/, recordOf(array(wide) as never), framed(zigzag(1_000), zigzag(0)));
    const branch = Buffer.concat([zigzag(1_000), Buffer.alloc(1_000, 2), zigzag(0)]);
    refused(/more values than a record of its size/, recordOf(array(["null", wide]) as never), framed(branch));
  });

  it("defaults that a newer schema adds to each of them", () => {
    const fields = Array.from({ length: 1_000 }, (_, i) => ({ name: `n${i}`, type: "int", default: 0 }));
    const newer = recordOf(array({ ...emptyRecord, fields }) as never);
    const older = recordOf(array(emptyRecord) as never);
    refused(/defaults .* too many values/, older, framed(zigzag(60_000), zigzag(0)), newer);
    assert.equal((decode(older, framed(zigzag(3), zigzag(0)), newer) as { a: unknown[] }).a.length, 3);
  });

  it("values within values, to any depth", () => {
    for (const depth of [101, 3_000, 1_000_000]) {
      refused(/nested too deeply/, linkedList, framed(Buffer.alloc(depth, 2), Buffer.from([0])));
    }
    assert.ok(decode(linkedList, framed(Buffer.alloc(100, 2), Buffer.from([0]))));
    const tree = { type: "record", name: "Tree", fields: [{ name: "children", type: array("Tree") }] };
    refused(/nested too deeply/, tree, framed(Buffer.alloc(100_000, 2)));
    const map = { type: "record", name: "Map", fields: [{ name: "of", type: { type: "map", values: "Map" } }] };
    refused(
      /nested too deeply/,
      map,
      framed(Buffer.from(Array.from({ length: 9_999 }, (_, i) => (i % 2 === 0 ? 2 : 0)))),
    );
  });

  it("what real records hold is read: long arrays, wide records, shared types", () => {
    const embedding = { a: Array.from({ length: 200_000 }, (_, i) => i % 7) };
    const ints = recordOf(array("int") as never);
    assert.deepEqual(decode(ints, frame(1, avroType(JSON.stringify(ints)), embedding)), embedding);
    const points = recordOf(array({ type: "record", name: "P", fields: [{ name: "x", type: "int" }] }) as never);
    const many = { a: Array.from({ length: 100_000 }, () => ({ x: 1 })) };
    assert.deepEqual(decode(points, frame(1, avroType(JSON.stringify(points)), many)), many);
    const empty = { a: Array.from({ length: 60_000 }, () => null) };
    const nulls = recordOf(array("null") as never);
    assert.deepEqual(decode(nulls, frame(1, avroType(JSON.stringify(nulls)), empty)), empty);
    assert.ok(decode(doublingUnions(30), framed(Buffer.alloc(2))));
  });
});

describe("records that others wrote into the platform's own topics", () => {
  it("are refused at once, and read beyond neither their end nor reason", () => {
    for (const schema of [predictionSchema, driftSchema]) {
      const read = valueDecoder(schema);
      for (const bytes of [
        framed(),
        framed(Buffer.alloc(40)),
        framed(Buffer.alloc(64, 0xff)),
        framed(zigzag(2 ** 31)),
      ]) {
        const batch = Buffer.concat([bytes, Buffer.alloc(4_096, 2)]);
        refusedWithin({}, "UNDECODABLE_RECORD", /./, () => read(batch, 0, bytes.length));
      }
    }
    const type = avroType(predictionSchema);
    const bytes = frame(7, type, type.random());
    assert.ok(within({}, () => valueDecoder(predictionSchema)(bytes, 0, bytes.length)));
  });
});
