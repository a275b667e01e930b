import assert from "node:assert/strict";
import { test } from "node:test";
import { temporaryFolder } from "../e2e/platform.ts";
import { kills } from "./kills/kills.ts";
import { kinds } from "./kills/kinds.ts";
import { moment } from "./kills/moment.ts";
import { alive, busy, declared, discard, killed, lookedAt, newWorld } from "./kills/world.ts";

test("a short soak finds nothing lost, doubled or stuck", async (t) => {
  const findings = await kills({
    rounds: { kills: 1, stops: 0, cuts: 0, full: 0, corrupt: 0 },
    only: ["kill-main"],
    seed: 7,
    minutes: 10,
    keep: temporaryFolder(t, "soak-kept"),
    say: (line) => t.diagnostic(line),
  });
  assert.deepEqual(findings, []);
});

test("what is missing from the platform, or unknown to its clients, is found", async (t) => {
  const world = newWorld();
  t.after(async () => {
    await killed(world);
    discard(world);
  });
  await declared(await alive(world));
  const { refusals, rest } = await busy(world);
  await moment(500);
  await rest();
  assert.deepEqual(refusals, []);
  assert.deepEqual(await lookedAt(world), []);

  world.ledger.commands.push({ type: "ModelRegistered", marker: "never-registered" });
  const call = world.ledger.calls[0];
  call.records[0] = call.records[0].replace(/"flight":"[^"]*"/, '"flight":"never-sent"');
  const found = (await lookedAt(world)).join("\n");
  assert.match(found, /commands are not there once, such as ModelRegistered never-registered: 0/);
  assert.match(found, /departures: 1 not there 1 times, such as never-sent: 0/);
  assert.match(found, /predictions by flight: 1 not there 2 times, such as never-sent: 0/);
});

test("every kind of disturbance belongs to a group that an option counts", () => {
  const names = kinds.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual([...new Set(kinds.map(({ group }) => group))].sort(), ["corrupt", "cuts", "full", "kills", "stops"]);
});
