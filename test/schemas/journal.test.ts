import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeJournal } from "../../schemas/journal.ts";
import { journalRuns } from "../../streams/runtime/journal-runs.ts";

test("the journal keeps the order in which inputs were taken, dead letters apart", () => {
  const runs = journalRuns();
  const order: [number, boolean][] = [
    [0, true],
    [0, true],
    [1, true],
    [0, false],
    [0, false],
    [0, true],
    [1, true],
  ];
  for (const [input, taken] of order) runs.add(input, taken);
  const inputs = [
    { topic: "arrivals", offset: 7_000_000_000 },
    { topic: "départs", offset: 0 },
  ];
  assert.deepEqual(decodeJournal(runs.encode(inputs)), { inputs, runs: [0, 2, 1, 1, 0, -2, 0, 1, 1, 1] });
});

test("a reset journal begins anew", () => {
  const runs = journalRuns();
  runs.add(0, true);
  runs.reset();
  assert.ok(runs.empty);
  assert.deepEqual(decodeJournal(runs.encode([])), { inputs: [], runs: [] });
});
