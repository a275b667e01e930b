import assert from "node:assert/strict";
import { test } from "node:test";
import { type PendingPrediction, pendingPredictions } from "../../streams/outcomes/join.ts";

const waiting = (id: string, key: string, time: number): PendingPrediction => ({
  id,
  key,
  entity: "e",
  time,
  model: "m",
  version: 1,
  variant: "champion",
  offset: 0,
  outcomesFrom: 0,
  output: 0.5,
  next: null,
  done: false,
});

const idsOf = (first: PendingPrediction | null): string[] => {
  const ids: string[] = [];
  for (let at = first; at !== null; at = at.next) ids.push(at.id);
  return ids;
};

test("an outcome meets every prediction of its key, once", () => {
  const pending = pendingPredictions(100);
  for (const id of ["a", "a-shadow", "a-again"]) pending.add(waiting(id, "flight-1", 10));
  pending.add(waiting("b", "flight-2", 10));
  assert.deepEqual(idsOf(pending.take("flight-1", 50, 50)), ["a", "a-shadow", "a-again"]);
  assert.equal(pending.take("flight-1", 51, 51), null);
  assert.equal(pending.size, 1);
});

test("what is beyond the horizon of the outcome or of the watermark is not met", () => {
  const pending = pendingPredictions(100);
  pending.add(waiting("old", "k", 10));
  pending.add(waiting("new", "k", 90));
  assert.deepEqual(idsOf(pending.take("k", 150, 150)), ["new"]);
  pending.add(waiting("late", "l", 10));
  assert.equal(pending.take("l", 60, 111), null);
});

test("expiry forgets from the oldest on and stops at the first that still waits", () => {
  const pending = pendingPredictions(100);
  pending.add(waiting("a", "1", 10));
  pending.add(waiting("b", "2", 20));
  pending.add(waiting("c", "3", 30));
  pending.expire(120);
  assert.equal(pending.oldest()?.id, "b");
  assert.equal(pending.size, 2);
});

test("a prediction that has met its outcome is forgotten by id, its namesakes stay", () => {
  const pending = pendingPredictions(100);
  pending.add(waiting("a", "k", 10));
  pending.add(waiting("b", "k", 11));
  pending.forget("a", "k");
  assert.deepEqual(idsOf(pending.take("k", 20, 20)), ["b"]);
  pending.forget("nobody", "elsewhere");
});

test("expiry takes only the old one of two predictions with one key", () => {
  const pending = pendingPredictions(100);
  pending.add(waiting("old", "k", 10));
  pending.add(waiting("between", "other", 20));
  pending.add(waiting("new", "k", 90));
  pending.expire(115);
  assert.equal(pending.oldest()?.id, "between");
  assert.deepEqual(idsOf(pending.take("k", 120, 120)), ["new"]);
});
