import assert from "node:assert/strict";
import { test } from "node:test";
import { denialLog } from "../../commands/denials.ts";
import { type Actor, gate } from "../../commands/gate.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import type { AccessDenied } from "../../schemas/denials.ts";
import { denialPrefix } from "../../schemas/denials.ts";
import { platform } from "./platform.ts";

const user = (id: string): Actor => ({ id, kind: "user", admin: false });

const denialsIn = async (store: EventStore) => {
  const events = await Array.fromAsync(store.readAll({ prefixes: [denialPrefix()] }));
  return events.map(({ stream, metadata, data }) => {
    const { action, count, neededRole, asked } = data as AccessDenied;
    return { stream, actor: metadata.actor, project: metadata.project, action, count, neededRole, asked };
  });
};

const refusing = async (t: Parameters<typeof platform>[0]) => {
  const { store } = await platform(t);
  const time = { now: 1_000 };
  const members = gate(store, { denials: denialLog({ eventStore: store, clock: () => time.now }) });
  t.after(() => members.close());
  const refuse = (actor: string, action: string, project = "shop") =>
    assert.rejects(members.authorize(user(actor), action, project), { code: "FORBIDDEN" });
  return { store, members, time, refuse };
};

test("a refusal is a fact when it is answered: who asked for what, and what it needs", async (t) => {
  const { store, refuse } = await refusing(t);
  await refuse("eve/x", "RenameProject");
  assert.deepEqual(await denialsIn(store), [
    {
      stream: "denial-shop/eve%2Fx",
      actor: "eve/x",
      project: "shop",
      action: "RenameProject",
      count: 1,
      neededRole: "Admin",
      asked: null,
    },
  ]);
});

test("an actor's action is told once a minute, with what was counted meanwhile", async (t) => {
  const { store, members, time, refuse } = await refusing(t);
  for (let i = 0; i < 20; i++) await refuse("eve", "query:models");
  await refuse("eve", "produce");
  await refuse("bob", "query:models");
  assert.equal((await denialsIn(store)).length, 3);
  time.now += 60_000;
  await refuse("eve", "query:models");
  await refuse("eve", "query:models");
  await members.close();
  const told = (await denialsIn(store)).filter(({ actor, action }) => actor === "eve" && action === "query:models");
  assert.deepEqual(
    told.map(({ count }) => count),
    [1, 19, 1, 1],
  );
});

test("projects and actors that are made up do not fill the store", async (t) => {
  const { store, members, refuse } = await refusing(t);
  for (let i = 0; i < 50; i++) await refuse("eve", "query:models", `made-up-${i}`);
  assert.deepEqual(
    (await denialsIn(store)).map(({ project, asked, count }) => [project, asked, count]),
    [["*", "made-up-0", 1]],
  );
  for (let i = 0; i < 1_100; i++) await refuse(`eve${i}`, "query:models");
  const told = await denialsIn(store);
  assert.ok(told.length <= 1_001, `${told.length} events`);
  await members.close();
  const counted = (await denialsIn(store)).reduce((sum, { count }) => sum + count, 0);
  assert.equal(counted, 1_150);
});

test("a store that fails does not turn a refusal into something else", async (t) => {
  const { store } = await platform(t);
  const failing: EventStore = { ...store, append: async () => Promise.reject(new Error("disk full")) };
  const members = gate(store, { denials: denialLog({ eventStore: failing, clock: () => 0 }) });
  t.after(() => members.close());
  await assert.rejects(members.authorize(user("eve"), "produce", "shop"), { code: "FORBIDDEN" });
});
