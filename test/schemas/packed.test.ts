import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { packNumbers, unpackNumbers } from "../../schemas/packed.ts";

const number = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.nat() },
  fc.integer({ min: 0, max: 999_999_999_999_999 }),
  fc.double(),
);

test("numbers come back as they were packed, bit for bit", () => {
  fc.assert(
    fc.property(fc.array(number, { maxLength: 60 }), (numbers) => {
      const values = Float64Array.from(numbers, (value) => (value === 0 ? 0 : value));
      assert.deepEqual(unpackNumbers(packNumbers(values), values.length), values);
    }),
  );
});

test("a sketch with few counts takes few bytes", () => {
  const values = new Float64Array(660);
  values.fill(7, 100, 130);
  assert.ok(packNumbers(values).length < 40);
});
