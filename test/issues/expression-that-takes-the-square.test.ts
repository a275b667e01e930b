import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { compileExpression, fieldTypes } from "../../ml/cel/compile.ts";
import { compileGate } from "../../ml/cel/gate.ts";
import { holdsText } from "../../ml/cel/text-search.ts";
import { refusedWithin, within } from "../attacks/budget.ts";

const fields = fieldTypes(
  JSON.stringify({
    type: "record",
    name: "E",
    fields: [
      { name: "s", type: "string" },
      { name: "part", type: "string" },
      { name: "n", type: "double" },
    ],
  }),
);

describe("an expression over a record that was made to be slow", () => {
  const contains = compileExpression("event.s.contains(event.part)", fields, "bool");
  const half = "a".repeat(250_000);

  it("looks for a part in time that grows with the lengths, not with their product", () => {
    for (const part of [`${half}b${half}`, `${half}b`, `b${half}`, "ab".repeat(100_000), `${"ab".repeat(99_999)}bb`]) {
      for (const s of ["a".repeat(1_000_000), "ab".repeat(500_000)]) {
        within({}, () => contains.evaluate({ s, part }, 0));
      }
    }
  });

  it("finds what the engine's own search finds", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "\u{1f600}", "é"), maxLength: 400 });
    fc.assert(
      fc.property(text, text, fc.nat(300), fc.nat(300), (whole, other, from, length) => {
        for (const part of [other, whole.slice(from), whole.slice(from, from + length), `${whole.slice(from)}b`]) {
          assert.equal(holdsText(whole, part), whole.includes(part), JSON.stringify([whole, part]));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("does not join texts to gigabytes", () => {
    const source = `size(${Array(200).fill("event.s").join("+")}) > 3`;
    const joins = compileExpression(source, fields, "bool");
    for (const length of [1_000_000, 8_000_000]) {
      refusedWithin({}, "INVALID_RECORD", /at most 1048576 are allowed/, () =>
        joins.evaluate({ s: "a".repeat(length), part: "" }, 0),
      );
    }
    assert.equal(joins.evaluate({ s: "a".repeat(1_000), part: "" }, 0), true);
  });
});

describe("an expression that was made to be hard to compile", () => {
  const sources = {
    brackets: `${"(".repeat(990)}1${")".repeat(990)}`,
    lists: `${"[".repeat(990)}${"]".repeat(990)}`,
    choices: `${"true?".repeat(300)}1${":1".repeat(300)}`,
    fields: `${"event.".repeat(300)}n`,
    quotes: '"'.repeat(1_999),
    escapes: '"\\'.repeat(990),
    patterns: 'event.s.matches("(a+)+$")',
    macros: "[1, 2].all(x, [3].all(y, x > y))",
    "too long": `1${"+1".repeat(500_000)}`,
  };
  for (const [what, source] of Object.entries(sources)) {
    it(`is refused at once: ${what}`, () => {
      refusedWithin({}, "INVALID_EXPRESSION", /./, () => compileExpression(source, fields, "number|bool"));
      refusedWithin({}, "INVALID_EXPRESSION", /./, () => compileGate(source));
    });
  }

  it("or compiled at once, where it is only long", () => {
    for (const source of [
      `${"!".repeat(1_990)}true`,
      `true${"&&true".repeat(330)}`,
      `event.n in [${Array(900).fill(1)}]`,
    ]) {
      within({}, () => compileExpression(source, fields, "bool").evaluate({ n: 1 }, 0));
    }
  });
});
