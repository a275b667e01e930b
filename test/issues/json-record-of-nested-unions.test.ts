import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { conversionBudget, jsonToAvro } from "../../schemas/avro-json.ts";
import { avroType, frame, recordDecoder } from "../../schemas/codec.ts";
import { refusedWithin, within } from "../attacks/budget.ts";
import { linkedList, recordOf } from "../attacks/schemas.ts";

const refused = (message: RegExp, schema: unknown, value: unknown) =>
  refusedWithin({}, "INVALID_RECORD", message, () => jsonToAvro(avroType(JSON.stringify(schema)), value));

const inner = { type: "record", name: "B", fields: [{ name: "x", type: ["null", "A", "B"] }] };
const twoWays = recordOf(["null", { type: "record", name: "A", fields: [{ name: "x", type: ["null", "A", inner] }] }]);

const wrapped = (depth: number, wrap: (value: unknown) => unknown, leaf: unknown): unknown => {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
};

describe("a JSON record that fits no branch of unions within unions", () => {
  it("is refused before each branch of each was tried at each level", () => {
    for (const depth of [20, 40, 90]) {
      refused(/tried in vain: tag the branches/, twoWays, { a: wrapped(depth, (x) => ({ x }), "bad") });
    }
    refused(/./, twoWays, { a: wrapped(49, (x) => ({ x: { A: x } }), "bad") });
  });

  it("is described in a message of bounded length, however large it is", () => {
    const large = Array.from({ length: 300_000 }, () => ({ key: "v".repeat(20) }));
    refused(/^"a" is \[\{"key":"v.{0,200}$/, recordOf(["null", "int"]), { a: large });
    refused(
      /expected one of s0/,
      recordOf({ type: "enum", name: "E", symbols: [...Array(9_000).keys()].map((i) => `s${i}`) }),
      {
        a: "x",
      },
    );
  });

  it("nor does it lead to defaults without end", () => {
    const fields = Array.from({ length: 4_000 }, (_, i) => ({ name: `f${i}`, type: "int", default: 0 }));
    const items = recordOf({ type: "array", items: { type: "record", name: "Wide", fields } });
    refusedWithin({ ms: 3_000, mb: 400 }, "INVALID_RECORD", /too many defaults/, () =>
      jsonToAvro(avroType(JSON.stringify(items)), { a: Array(100_000).fill({}) }),
    );
    const type = avroType(JSON.stringify({ type: "record", name: "Wide", fields }));
    const budget = conversionBudget(100_000);
    refusedWithin({ ms: 8_000, mb: 400 }, "INVALID_RECORD", /too many defaults/, () => {
      for (let record = 0; record < 100_000; record++) jsonToAvro(type, {}, budget);
    });
  });

  it("nested as deep as JSON can be, it is refused at the door and in a topic", () => {
    for (const depth of [102, 3_000, 200_000]) {
      const value = wrapped(depth, (next) => ({ next }), null);
      refused(/nested too deeply/, linkedList, value);
      refused(
        /nested too deeply|expected null or List/,
        linkedList,
        wrapped(depth, (next) => ({ next: { List: next } }), null),
      );
      const bytes = Buffer.from(`${'{"next":'.repeat(depth)}null${"}".repeat(depth)}`);
      const decoder = recordDecoder(JSON.stringify(linkedList), () => undefined);
      refusedWithin({}, "UNDECODABLE_RECORD", /nested too deeply/, () => decoder.decode(bytes, 0, bytes.length));
    }
  });

  it("what fits is taken: tagged or plain, many items, fields left out", () => {
    const cat = { type: "record", name: "Cat", fields: [{ name: "lives", type: "int" }] };
    const dog = { type: "record", name: "Dog", fields: [{ name: "bones", type: "int" }] };
    const pets = avroType(JSON.stringify(recordOf({ type: "array", items: [cat, dog] })));
    const dogs = Array.from({ length: 50_000 }, (_, bones) => ({ bones }));
    const converted = within({ ms: 2_000 }, () => jsonToAvro(pets, { a: dogs })) as { a: unknown[] };
    assert.deepEqual(converted.a[7], { Dog: { bones: 7 } });
    assert.ok(frame(1, pets, converted).length > 50_000);
    assert.deepEqual(jsonToAvro(pets, { a: [{ Cat: { lives: 9 } }] }), { a: [{ Cat: { lives: 9 } }] });
  });
});
