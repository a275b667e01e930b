import assert from "node:assert/strict";
import { test } from "node:test";
import { attributes, encodeModel } from "../../ml/onnx/writer.ts";
import { deadLetterSchema, outcomeSchema, topicOf } from "../../schemas/topics.ts";
import { type Click, eventually, openWorld, project, type Sale } from "./world.ts";

const int64 = 7;

/** Answers its only input where that is 0 or a fraction, and fails on anything else: the value is used as an index. */
const picky = encodeModel({
  producer: "test",
  graph: "picky",
  nodes: [
    { operator: "Cast", inputs: ["features"], outputs: ["index"], attributes: [attributes.integer("to", int64)] },
    {
      operator: "GatherElements",
      inputs: ["features", "index"],
      outputs: ["output"],
      attributes: [attributes.integer("axis", 1)],
    },
  ],
  inputs: [{ name: "features", shape: ["N", 1] }],
  outputs: [{ name: "output", shape: ["N", 1] }],
  opsets: { "": 17 },
  metadata: {},
});

test("a row on which the model fails becomes a dead letter; the rest of its batch is predicted and joined", async (t) => {
  const world = await openWorld();
  t.after(() => world.close());
  await world.version(1, picky, null, ["price"]);
  await world.deploy({ columns: [{ name: "price", from: "event.price" }] });
  const at = Date.UTC(2026, 0, 5);
  const clicks: Click[] = Array.from({ length: 60 }, (_, i) => ({
    id: `c${i}`,
    shop: i % 2 === 0 ? "north" : "south",
    at: at + i * 1000,
    price: i % 10 === 3 ? 5 : 0.25,
  }));
  const sales: Sale[] = clicks.map(({ id, shop, at: clicked }) => ({ id, shop, at: clicked + 100_000, amount: 20 }));
  await world.produce("clicks", clicks);
  await world.produce("sales", sales);
  await world.start();
  const outcomes = await eventually("the outcomes of what was predicted", async () => {
    const found = await world.read<{ key: string }>(topicOf.outcomes(project, "buy"), outcomeSchema);
    return found.length >= 54 && found;
  });
  assert.equal(outcomes.length, 54);
  const predictions = await world.predictions();
  assert.equal(predictions.length, 54);
  assert.ok(predictions.every(({ output }) => output === 0.25));
  type Letter = { stage: string; code: string; topic: string; partition: number; offset: number };
  const letters = await world.read<Letter>(topicOf.deadLetters(project), deadLetterSchema);
  assert.equal(letters.length, 6);
  assert.ok(
    letters.every(({ stage, code, topic }) => stage === "score" && code === "SCORING_FAILED" && topic === "clicks"),
  );
  const lost = new Set(letters.map(({ partition, offset }) => `${partition}/${offset}`));
  assert.equal(lost.size, 6);
  assert.ok(predictions.every(({ partition, offset }) => !lost.has(`${partition}/${offset}`)));
});
