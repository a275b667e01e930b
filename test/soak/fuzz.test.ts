import assert from "node:assert/strict";
import { test } from "node:test";
import { randomOf } from "../e2e/flights.ts";
import { temporaryFolder } from "../e2e/platform.ts";
import type { Material } from "./fuzz/door.ts";
import { doors } from "./fuzz/doors.ts";
import { fuzz } from "./fuzz/fuzz.ts";

test("good requests of every door are answered, and a short fuzz of them finds nothing", async (t) => {
  const findings = await fuzz({
    seed: 3,
    minutes: 0.25,
    only: [],
    keep: temporaryFolder(t, "fuzz-kept"),
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(findings, []);
});

test("every door can be shot at, and the same seed shoots the same", () => {
  const material: Material = {
    known: { id: ["a"], model: ["m"] },
    canary: { file: "/tmp/secret", write: "/tmp/written", url: "http://127.0.0.1:1/" },
    schemaIds: { departures: 1 },
    files: {
      csv: Buffer.from("a\n1\n"),
      json: Buffer.from('{"a":1}'),
      parquet: Buffer.from("PAR1"),
      avro: Buffer.from("Obj"),
    },
    model: Buffer.from("model"),
    digest: "0".repeat(64),
    experiment: "77",
    run: "0".repeat(32),
  };
  for (const door of doors) {
    const shots = (seed: number) => Array.from({ length: 300 }, (_, i) => door.shoot(randomOf(seed + i), material));
    const first = shots(1);
    assert.deepEqual(shots(1), first, door.name);
    const different = new Set(first.map((steps) => JSON.stringify(steps)));
    assert.ok(different.size > 30, `${door.name}: ${different.size} different shots of 300`);
    for (const steps of first) assert.ok(steps.length > 0, door.name);
  }
});
