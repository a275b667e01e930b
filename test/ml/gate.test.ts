import assert from "node:assert/strict";
import { test } from "node:test";
import { compileGate } from "../../ml/cel/gate.ts";

const gate = "auc >= 0.7 && auc >= champion.auc - 0.01";

test("a version passes where the expression is true for it and the champion", () => {
  const judge = compileGate(gate);
  assert.equal(judge({ auc: 0.8 }, { auc: 0.8 }), null);
  assert.equal(judge({ auc: 0.795 }, { auc: 0.8 }), null);
  assert.match(judge({ auc: 0.75 }, { auc: 0.8 })!, /is false for auc = 0.75, champion.auc = 0.8$/);
  assert.match(judge({ auc: 0.6 }, { auc: 0.5 })!, /is false/);
});

test("the first version into a stage is held to what does not need a champion", () => {
  const judge = compileGate(gate);
  assert.equal(judge({ auc: 0.8 }, null), null);
  assert.match(judge({ auc: 0.6 }, null)!, /is false for auc = 0.6, champion.auc = missing/);
  assert.equal(compileGate("auc > champion.auc")({ auc: 0.1 }, null), null);
  assert.match(compileGate("has_champion && auc > champion.auc")({ auc: 0.9 }, null)!, /is false/);
  assert.equal(compileGate("!has_champion || auc > champion.auc")({ auc: 0.1 }, null), null);
});

test("a metric that is missing lets nothing pass", () => {
  const judge = compileGate(gate);
  assert.match(judge({}, null)!, /needs the metric auc, which the version lacks/);
  assert.match(judge({}, { auc: 0.8 })!, /needs the metric auc, which the version lacks/);
  assert.match(judge({ auc: 0.8 }, {})!, /needs the champion's metric auc, which the champion lacks/);
  assert.equal(compileGate("!has(champion.auc) || auc >= champion.auc")({ auc: 0.8 }, {}), null);
  assert.match(compileGate("toString > 1")({}, null)!, /needs the metric toString/);
});

test("names with dots, and names that are none in CEL", () => {
  const judge = compileGate('evaluation.auc > 0.5 && metrics["val/loss"] < champion["val/loss"]');
  assert.equal(judge({ "evaluation.auc": 0.6, "val/loss": 1 }, { "val/loss": 2 }), null);
  assert.match(judge({ "evaluation.auc": 0.6, "val/loss": 3 }, { "val/loss": 2 })!, /val\/loss = 3/);
  assert.equal(compileGate("champion.evaluation.auc < auc")({ auc: 1 }, { "evaluation.auc": 0.5 }), null);
});

test("and, or and not are words for && || and !", () => {
  const judge = compileGate("auc > 0.5 and not (loss > 1 or order.and > 3)");
  assert.equal(judge({ auc: 0.6, loss: 0.5, "order.and": 1 }, null), null);
  assert.match(judge({ auc: 0.6, loss: 2, "order.and": 1 }, null)!, /is false/);
  assert.equal(compileGate('metrics["a and b"] > 1')({ "a and b": 2 }, null), null);
});

test("what is no gate is refused with its place in the text as it was written", () => {
  const refused = (source: string, message: RegExp) =>
    assert.throws(() => compileGate(source), { code: "INVALID_EXPRESSION", message });
  refused("auc + 1", /needs a bool here, but got a number/);
  refused("auc >= 0.7 and", /does not parse.*\(line 1, column \d+\)\nauc >= 0.7 and\n/s);
  refused("auc > 1 and loss < 'a'", /cannot compare a number with a string.*column 13/s);
  refused("champion > 1", /`champion` is no metric/);
  refused("has(1)", /`has` takes one metric/);
});
