import assert from "node:assert/strict";
import { test } from "node:test";
import { type Actor, gate, localAdmin, neededRole, serviceActor } from "../../commands/gate.ts";
import { commandTypes } from "../../commands/payloads.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { platform } from "./platform.ts";

const user = (id: string): Actor => ({ id, kind: "user", admin: false });
const ann = user("ann");

const granted = async (t: Parameters<typeof platform>[0]) => {
  const shop = await platform(t);
  const members = gate(shop.store);
  t.after(() => members.close());
  await shop.send("GrantRole", { member: "ann", role: "Admin" });
  await shop.send("GrantRole", { member: "sam", role: "Data_Scientist" });
  await shop.send("GrantRole", { member: "ray", role: "Regular_User" });
  return { ...shop, members };
};

const may = async (members: ReturnType<typeof gate>, actor: Actor, action: string): Promise<boolean> =>
  members.authorize(actor, action, "shop").then(
    () => true,
    (error) => {
      assert.equal(error.code, "FORBIDDEN");
      return false;
    },
  );

test("each role may do what it may", async (t) => {
  const { members } = await granted(t);
  const table: [action: string, ray: boolean, sam: boolean, ann: boolean][] = [
    ["query:predictions", true, true, true],
    ["produce", false, true, true],
    ["CreateDeployment", false, true, true],
    ["ApproveModelVersion", false, true, true],
    ["GiveApproval", false, true, true],
    ["GrantRole", false, false, true],
    ["SetPolicy", false, false, true],
    ["RemovePolicy", false, false, true],
    ["RevokeRole", false, false, true],
    ["RenameProject", false, false, true],
    ["CreateProject", false, false, false],
  ];
  for (const [action, ...expected] of table) {
    const allowed = await Promise.all(["ray", "sam", "ann"].map((id) => may(members, user(id), action)));
    assert.deepEqual(allowed, expected, action);
  }
  for (const action of [...commandTypes, "query:audit", "produce"]) {
    assert.ok(await may(members, localAdmin, action));
    assert.ok(await may(members, serviceActor("worker"), action));
  }
});

test("every command needs more than reading", () => {
  for (const type of commandTypes) assert.notEqual(neededRole(type), "Regular_User", type);
});

test("a refusal names the role, and is counted", async (t) => {
  const { members } = await granted(t);
  await assert.rejects(members.authorize(user("ray"), "CreateDeployment", "shop"), {
    code: "FORBIDDEN",
    message: '"ray" may not CreateDeployment: it needs the role Data_Scientist in project "shop"',
  });
  await assert.rejects(members.authorize(user("eve"), "query:models", "shop"), /Regular_User/);
  await assert.rejects(members.authorize(ann, "query:models", "elsewhere"), { code: "FORBIDDEN" });
  await assert.rejects(members.authorize(ann, "CreateProject", "new"), /administrator of the platform/);
  assert.deepEqual(
    [...members.denials()],
    [
      ["CreateDeployment", 1],
      ["query:models", 2],
      ["CreateProject", 1],
    ],
  );
});

test("a grant holds from the moment it was answered; a revocation as soon as it is delivered", async (t) => {
  const { members, send } = await granted(t);
  await send("GrantRole", { member: "joe", role: "Regular_User" });
  assert.ok(await may(members, user("joe"), "query:models"));
  await send("RevokeRole", { member: "joe" });
  while (await may(members, user("joe"), "query:models")) await new Promise(setImmediate);
});

test("the bus asks the gate before anything else", async (t) => {
  const { bus, send } = await granted(t);
  const request = { type: "RegisterModel", project: "shop", payload: "nonsense", actor: user("ray") };
  await assert.rejects(bus.dispatch(request), { code: "FORBIDDEN" });
  await assert.rejects(bus.dispatch({ ...request, project: "nowhere" }), { code: "FORBIDDEN" });
  assert.equal((await send("RegisterModel", { id: "m" }, { actor: user("sam") })).revision, 0);
});

test("without its subscription the gate reads the project's stream", async (t) => {
  const { store, send } = await granted(t);
  const cut: EventStore = {
    ...store,
    // biome-ignore lint/correctness/useYield: a subscription that breaks before its first message
    async *subscribe() {
      throw new MillraceError("INTERNAL", "connection lost");
    },
  };
  const errors: string[] = [];
  const logger = { info: () => {}, warn: () => {}, error: (_: object, message: string) => errors.push(message) };
  const members = gate(cut, { logger });
  t.after(() => members.close());
  assert.ok(await may(members, user("sam"), "produce"));
  await send("RevokeRole", { member: "sam" });
  assert.ok(!(await may(members, user("sam"), "produce")));
  assert.match(errors[0], /lost its subscription/);
});
