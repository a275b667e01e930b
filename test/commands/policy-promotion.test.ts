import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Checks } from "../../commands/checks.ts";
import type { Actor } from "../../commands/gate.ts";
import { serviceActor } from "../../commands/gate.ts";
import { governanceChecks } from "../../commands/references/governance.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { compileGate } from "../../ml/cel/gate.ts";
import { eventsOf, noChecks, type Platform, platform, temporaryDirectory } from "./platform.ts";
import { training, version } from "./samples.ts";

const user = (id: string): Actor => ({ id, kind: "user", admin: false });
const ann = { actor: user("ann") };
const bob = { actor: user("bob") };
const cat = { actor: user("cat") };

const checksOn = (store: EventStore): Checks => ({ ...noChecks, ...governanceChecks(store, compileGate) });

const digest = (number: number): string => number.toString(16).padStart(64, "0");

/** Two processes on one store; ann is Admin, bob and cat are Data_Scientists; `payer` has versions 1 to 3, by ann. */
const team = async (t: TestContext): Promise<Platform & { there: Platform }> => {
  const path = join(temporaryDirectory(t), "events.db");
  const open = async (): Promise<Platform> => {
    const store = sqliteEventStore(path);
    return platform(t, { store, checks: checksOn(store) });
  };
  const here = await open();
  const there = await open();
  const { send } = here;
  await send("GrantRole", { member: "ann", role: "Admin" });
  await send("GrantRole", { member: "bob", role: "Data_Scientist" });
  await send("GrantRole", { member: "cat", role: "Data_Scientist" });
  await send("RegisterModel", { id: "payer" });
  for (const [i, auc] of [0.8, 0.85, 0.82].entries()) {
    await send("CreateModelVersion", { model: "payer", artifact: digest(i), metrics: { auc } }, ann);
  }
  return { ...here, there };
};

const production = { model: "payer", stage: "Production" } as const;

const rulesOf = (promotion: Promise<unknown>): Promise<string[]> =>
  promotion.then(
    () => [],
    (error) => {
      assert.equal(error.code, "POLICY_NOT_MET", error.message);
      return error.details.failed.map(({ rule }: { rule: string }) => rule);
    },
  );

test("without a policy a version enters a stage as it is", async (t) => {
  const { send } = await team(t);
  const result = await send("TransitionStage", { ...production, version: 1 }, ann);
  assert.deepEqual(result.events, ["ModelVersionStageChanged"]);
});

test("every rule that fails is named; when all are met the version enters", async (t) => {
  const { send, store } = await team(t);
  await send("SetPolicy", {
    stage: "Production",
    gate: "auc >= 0.7 and auc >= champion.auc - 0.01",
    lineage: ["code"],
  });
  const promote = (number: number) => send("TransitionStage", { ...production, version: number }, bob);
  assert.deepEqual(await rulesOf(promote(1)), ["approvals", "lineage"]);
  const definition = { artifact: digest(9), metrics: { auc: 0.6 }, lineage: { code: "commit 1a2b" } };
  await send("CreateModelVersion", { model: "payer", ...definition }, ann);
  assert.deepEqual(await rulesOf(promote(4)), ["approvals", "gate"]);
  const good = { ...definition, metrics: { auc: 0.81 } };
  await send("CreateModelVersion", { model: "payer", ...good }, ann);
  await send("GiveApproval", { ...production, version: 5 }, ann);
  assert.deepEqual(await rulesOf(promote(5)), ["fourEyes"]);
  await send("GiveApproval", { model: "payer", stage: "Staging", version: 5 }, bob);
  assert.deepEqual(await rulesOf(promote(5)), ["fourEyes"]);
  await send("GiveApproval", { ...production, version: 5 }, bob);
  assert.deepEqual(await rulesOf(promote(5)), []);
  const events = await eventsOf(store, "model-shop/payer");
  assert.equal(events.at(-1)?.type, "ModelVersionStageChanged");
  await send("RemovePolicy", { stage: "Production" });
  assert.deepEqual(await rulesOf(promote(1)), []);
});

test("ApproveModelVersion counts for every stage, a rejection withdraws what was given", async (t) => {
  const { send } = await team(t);
  for (const stage of ["Staging", "Production"] as const) await send("SetPolicy", { stage });
  await send("ApproveModelVersion", { model: "payer", version: 1, comment: "good" }, bob);
  for (const stage of ["Staging", "Production"] as const) {
    assert.deepEqual(await rulesOf(send("TransitionStage", { model: "payer", version: 1, stage }, ann)), []);
  }
  await send("ApproveModelVersion", { model: "payer", version: 2, comment: "good" }, bob);
  await send("RejectModelVersion", { model: "payer", version: 2, comment: "biased" }, cat);
  await send("ApproveModelVersion", { model: "payer", version: 2, comment: "is mine" }, ann);
  assert.deepEqual(await rulesOf(send("TransitionStage", { ...production, version: 2 }, bob)), ["fourEyes"]);
});

test("who has left the project, or the role, no longer counts; an administrator of the platform counts as Admin", async (t) => {
  const { send } = await team(t);
  await send("SetPolicy", { stage: "Production", roles: ["Admin", "Data_Scientist"] });
  await send("GiveApproval", { ...production, version: 1 }, bob);
  await send("RevokeRole", { member: "bob" });
  const promote = () => send("TransitionStage", { ...production, version: 1 }, ann);
  assert.deepEqual(await rulesOf(promote()), ["approvals"]);
  await send("GiveApproval", { ...production, version: 1 }, { actor: { ...user("root"), admin: true } });
  assert.deepEqual(await rulesOf(promote()), []);
});

test("who had a version trained is its author, as the worker is", async (t) => {
  const { send } = await team(t);
  await send("SetPolicy", { stage: "Production" });
  const { id } = await send("SubmitTrainingJob", { spec: training }, bob);
  const lineage = { ...version.lineage, trainingJob: id };
  const worker = { actor: serviceActor("training-worker") };
  await send("CreateModelVersion", { model: "payer", artifact: digest(7), lineage }, worker);
  await send("GiveApproval", { ...production, version: 4 }, bob);
  assert.deepEqual(await rulesOf(send("TransitionStage", { ...production, version: 4 }, ann)), ["fourEyes"]);
  await send("GiveApproval", { ...production, version: 4 }, cat);
  assert.deepEqual(await rulesOf(send("TransitionStage", { ...production, version: 4 }, ann)), []);
});

test("of two people who promote at once, from two processes, one wins and the other is told", async (t) => {
  const { send, there } = await team(t);
  const gate = { approvals: 0, fourEyes: false, gate: "auc > champion.auc" };
  await send("SetPolicy", { stage: "Production", ...gate });
  await send("TransitionStage", { ...production, version: 1 }, ann);
  const both = await Promise.allSettled([
    send("TransitionStage", { ...production, version: 2, expectedChampion: 1 }, bob),
    there.send("TransitionStage", { ...production, version: 3, expectedChampion: 1 }, cat),
  ]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const refusal = both.find((one) => one.status === "rejected")?.reason;
  assert.equal(refusal.code, "ILLEGAL_STATE");
  assert.match(refusal.message, /version [23] of model "payer" holds Production by now, not version 1; look again/);
});

test("the one who comes second is judged against the new champion", async (t) => {
  const { send, there } = await team(t);
  await send("SetPolicy", { stage: "Production", approvals: 0, fourEyes: false, gate: "auc > champion.auc" });
  await send("TransitionStage", { ...production, version: 2 }, bob);
  assert.deepEqual(await rulesOf(there.send("TransitionStage", { ...production, version: 3 }, cat)), ["gate"]);
});

test("a rollback is one command and asks no policy", async (t) => {
  const { send } = await team(t);
  for (const number of [1, 3, 2]) await send("TransitionStage", { ...production, version: number }, ann);
  await send("SetPolicy", { stage: "Production", approvals: 2, gate: "auc > 0.99" });
  const back = await send("RollBackStage", { ...production, comment: "complaints" }, bob);
  assert.deepEqual([back.version, back.events], [3, ["ModelVersionStageChanged"]]);
  assert.equal((await send("RollBackStage", { ...production, comment: "worse" }, bob)).version, 1);
  assert.deepEqual(await rulesOf(send("TransitionStage", { ...production, version: 2 }, ann)), ["approvals", "gate"]);
});

test("a policy that cannot work is refused when it is set", async (t) => {
  const { send } = await team(t);
  const set = (rules: object) => send("SetPolicy", { stage: "Production", ...rules });
  await assert.rejects(set({ approvals: 9 }), { code: "ILLEGAL_STATE", message: /lock everybody out: it needs 9/ });
  await assert.rejects(set({ gate: "auc >=" }), { code: "INVALID_EXPRESSION" });
  await assert.rejects(set({ approvals: 0 }), { code: "BAD_REQUEST", message: /fourEyes/ });
  await assert.rejects(set({ lineage: ["luck"] }), { code: "BAD_REQUEST", message: /lineage/ });
  await assert.rejects(set({ stage: "Archived" }), { code: "BAD_REQUEST", message: /stage/ });
  await assert.rejects(send("SetPolicy", { stage: "Production" }, bob), { code: "FORBIDDEN", message: /role Admin/ });
});

test("models and aliases are named as MLflow allows", async (t) => {
  const { send } = await team(t);
  const name = "Zahler für Züge v2 (neu) 付款";
  await send("RegisterModel", { id: name });
  await send("CreateModelVersion", { model: name, format: "other", source: "runs:/1/model" });
  await send("TransitionStage", { model: name, version: 1, stage: "Staging" });
  await send("SetModelAlias", { model: name, alias: "Champion_A", version: 1 });
  for (const id of ["a/b", "a:b", "", "  ", "a\nb", "\ud800", "x".repeat(201)]) {
    await assert.rejects(send("RegisterModel", { id }), { code: "BAD_REQUEST", message: /id:/ });
  }
  for (const alias of ["v3", "latest", "LATEST", "a b", ""]) {
    await assert.rejects(send("SetModelAlias", { model: name, alias, version: 1 }), { code: "BAD_REQUEST" });
  }
  await assert.rejects(send("CreateModelVersion", { model: name }), { code: "BAD_REQUEST", message: /artifact:/ });
});
