import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrafficSplit } from "../../schemas/lifecycle/deployment.ts";
import { router } from "../../streams/predictions/routing.ts";

const split: TrafficSplit = [
  { model: "m", version: 1, variant: "champion", share: 0.9 },
  { model: "m", version: 2, variant: "challenger", share: 0.1 },
  { model: "m", version: 3, variant: "shadow", share: 0 },
];
const entities = Array.from({ length: 20_000 }, (_, i) => `entity-${i}`);

test("an entity is answered by the same variant as long as the deployment does not change", () => {
  const first = entities.map(router(split, 4));
  assert.deepEqual(entities.map(router(split, 4)), first);
  assert.notDeepEqual(entities.map(router(split, 5)), first);
});

test("shares are met over many entities, and a shadow never answers", () => {
  const chosen = entities.map(router(split, 4));
  const challengers = chosen.filter((index) => index === 1).length / entities.length;
  assert.ok(Math.abs(challengers - 0.1) < 0.01, `challenger share ${challengers}`);
  assert.ok(!chosen.includes(2));
});

test("a lone champion answers everything", () => {
  assert.ok(entities.map(router([split[2], { ...split[0], share: 1 }], 1)).every((index) => index === 1));
});
