import assert from "node:assert/strict";
import { test } from "node:test";
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { compileExpression, fieldTypes, type Wants } from "../../ml/cel/compile.ts";
import { isMillraceError } from "../../schemas/errors.ts";

const schema = JSON.stringify({
  type: "record",
  name: "Flight",
  fields: [
    { name: "delay", type: "double" },
    { name: "distance", type: "int" },
    { name: "gate", type: ["null", "int"] },
    { name: "origin", type: "string" },
    { name: "carrier", type: { type: "enum", name: "Carrier", symbols: ["AA", "UA"] } },
    { name: "at", type: { type: "long", logicalType: "timestamp-millis" } },
    { name: "diverted", type: "boolean" },
    { name: "legs", type: { type: "array", items: "string" } },
  ],
});
const fields = fieldTypes(schema);
/** A Saturday: 2001-03-03T14:25:00Z. */
const time = Date.UTC(2001, 2, 3, 14, 25);
const flight = { delay: 17.5, distance: 300, gate: null, origin: "SFO", carrier: "UA", at: time, diverted: false };

const evaluate = (source: string, wants: Wants = "number|bool", event: Record<string, unknown> = flight): unknown =>
  compileExpression(source, fields, wants).evaluate(event, time);

test("numbers are doubles and functions of time are in UTC", () => {
  assert.equal(evaluate("event.delay + 1"), 18.5);
  assert.equal(evaluate("3 / 2 - -1"), 2.5);
  assert.equal(evaluate("7 % 4"), 3);
  assert.equal(evaluate("hour(time) * 100 + minute(time)"), 1425);
  assert.equal(evaluate("weekday(time)"), 6);
  assert.equal(evaluate("month(event.at)"), 3);
  assert.equal(evaluate("dayOfYear(time)"), 62);
  assert.equal(evaluate("max(abs(-3), min(1, 2)) + floor(1.5) + ceil(1.5) + sqrt(4) + log(1)"), 8);
  assert.equal(evaluate("weekday(0 - 1)"), 3);
});

test("strings, lists, logic and choice", () => {
  assert.equal(evaluate("event.origin.startsWith('SF') && event.origin.endsWith('O')"), true);
  assert.equal(evaluate("event.origin.contains('X') || !event.diverted"), true);
  assert.equal(evaluate("event.carrier in ['AA', 'UA']"), true);
  assert.equal(evaluate("event.distance in [1, -2, 300]"), true);
  assert.equal(evaluate("size('a\u{1f6eb}') + event.origin.size()"), 5);
  assert.equal(evaluate("event.delay > 15 ? 'late' : 'fine'", "string"), "late");
  assert.equal(evaluate("event.origin + '-' + event.carrier", "number|string"), "SFO-UA");
});

test("a missing operand makes the result null unless the other operand decides", () => {
  assert.equal(evaluate("event.gate + 1"), null);
  assert.equal(evaluate("event.gate > 1"), null);
  assert.equal(evaluate("!(event.gate > 1)"), null);
  assert.equal(evaluate("event.gate in [1]"), null);
  assert.equal(evaluate("abs(event.gate)"), null);
  assert.equal(evaluate("event.gate > 1 ? 1 : 2"), null);
  assert.equal(evaluate("event.gate > 1 && false"), false);
  assert.equal(evaluate("event.gate > 1 || true"), true);
  assert.equal(evaluate("has(event.gate) || event.gate != null"), false);
  assert.equal(evaluate("event.gate == null ? -1 : event.gate"), -1);
  assert.equal(evaluate("event.gate + 1", "number", { gate: undefined }), null);
});

test("the fields that an expression uses are reported once", () => {
  const expression = compileExpression("event.delay * event.delay + event.distance", fields, "number");
  assert.deepEqual(expression.fields, ["delay", "distance"]);
  assert.equal(expression.type, "number");
});

const refusals: [source: string, wants: Wants, reason: RegExp, position: { line: number; column: number }][] = [
  ["event.delay >", "bool", /does not parse/, { line: 1, column: 14 }],
  ["event.delay +\n  event.dealy", "number", /no field `dealy`; known fields: delay, distance/, { line: 2, column: 3 }],
  ["event.delay", "bool", /is a number, but a bool is needed/, { line: 1, column: 1 }],
  ["1 + event.origin", "number", /`\+` needs a number here, but got a string/, { line: 1, column: 1 }],
  ["event.origin < 3", "bool", /`<` cannot compare a string with a number/, { line: 1, column: 1 }],
  ["event.delay > 0 && event.delay", "bool", /`&&` needs a bool/, { line: 1, column: 1 }],
  ["event.legs", "string", /neither a number nor a string/, { line: 1, column: 1 }],
  ["sin(1)", "number", /function `sin` is not known; known are: hour/, { line: 1, column: 1 }],
  ["event.origin.matches('a')", "bool", /method `matches` is not known/, { line: 1, column: 1 }],
  ["[1, 2].exists(x, x > 1)", "bool", /`list` is not supported/, { line: 1, column: 1 }],
  ["event", "number", /name one of its fields/, { line: 1, column: 1 }],
  ["speed > 1", "bool", /`speed` cannot be used here/, { line: 1, column: 1 }],
  ["1u", "number", /literal/, { line: 1, column: 1 }],
  ["9007199254740993", "number", /beyond what a double holds/, { line: 1, column: 1 }],
  ["event.delay in event.legs", "bool", /list of literals only/, { line: 1, column: 16 }],
  ["event.delay in ['a']", "bool", /`in` looks for a number/, { line: 1, column: 1 }],
  ["max(1)", "number", /`max` takes 2 argument/, { line: 1, column: 1 }],
  ["true ? 1 : 'a'", "number", /Both branches/, { line: 1, column: 1 }],
  ["", "number", /does not parse/, { line: 1, column: 1 }],
];

for (const [source, wants, reason, position] of refusals) {
  test(`refused with its place: ${JSON.stringify(source)}`, () => {
    assert.throws(
      () => compileExpression(source, fields, wants),
      (error: unknown) => {
        assert.ok(isMillraceError(error, "INVALID_EXPRESSION"));
        assert.match(error.message, reason);
        assert.deepEqual({ line: error.details.line, column: error.details.column }, position);
        return true;
      },
    );
  });
}

test("a schema that is not a record is refused", () => {
  assert.throws(() => fieldTypes('"string"'), { code: "INVALID_SCHEMA" });
  assert.throws(() => fieldTypes("{"), { code: "INVALID_SCHEMA" });
});

/** Expressions that mean the same in CEL proper: double literals only, and no null. */
const { number, bool } = fc.letrec<{ number: string; bool: string; text: string }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.integer({ min: 0, max: 50 }).map((n) => `${n / 4}${n % 4 === 0 ? ".0" : ""}`),
    fc.constantFrom("event.delay", "event.distance"),
    fc
      .tuple(tie("number"), fc.constantFrom("+", "-", "*", "/"), tie("number"))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("number").map((a) => `-(${a})`),
    fc.tuple(tie("bool"), tie("number"), tie("number")).map(([c, a, b]) => `(${c} ? ${a} : ${b})`),
  ),
  text: fc.oneof(fc.constantFrom("event.origin", "event.carrier", "'S'", "'SFO'", "'é'")),
  bool: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom("event.diverted", "true", "false"),
    fc
      .tuple(tie("number"), fc.constantFrom("<", "<=", ">", ">=", "==", "!="), tie("number"))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc.tuple(tie("bool"), fc.constantFrom("&&", "||"), tie("bool")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("bool").map((a) => `!(${a})`),
    fc
      .tuple(tie("text"), fc.constantFrom("startsWith", "endsWith", "contains"), tie("text"))
      .map(([a, f, b]) => `${a}.${f}(${b})`),
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `(${a} == ${b})`),
    tie("text").map((a) => `(${a} in ['SFO', 'AA'])`),
  ),
}));

const reference = new Environment().registerVariable({
  name: "event",
  schema: { delay: "double", distance: "double", origin: "string", carrier: "string", diverted: "bool" },
});

test("property: evaluates as cel-js does where the two agree on types", () => {
  const event = fc.record({
    delay: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    distance: fc.integer({ min: 0, max: 3000 }),
    origin: fc.constantFrom("SFO", "S", "JFK", "é"),
    carrier: fc.constantFrom("AA", "UA"),
    diverted: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.oneof(number, bool), event, (source, value) => {
      const expected: unknown = reference.evaluate(source, { event: value });
      assert.deepEqual(evaluate(source, "number|bool", value), expected, source);
    }),
    { numRuns: 500 },
  );
});
