import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { commandBus } from "../../commands/bus.ts";
import { localAdmin } from "../../commands/gate.ts";
import { commandTypes } from "../../commands/payloads.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { eventsOf, noChecks, platform, temporaryDirectory } from "./platform.ts";
import { artifact, createOrders, drift, payment, spending, training } from "./samples.ts";
import { now } from "./specification.ts";

test("a command is answered with what it wrote and where", async (t) => {
  const { store, send } = await platform(t);
  const result = await send(
    "RegisterModel",
    { id: "payer" },
    { correlationId: "c1", causationId: "c0", reason: "try" },
  );
  assert.deepEqual(
    { ...result, position: null },
    {
      id: "payer",
      aggregate: "model",
      stream: "model-shop/payer",
      revision: 0,
      position: null,
      events: ["ModelRegistered"],
      deduplicated: false,
      version: undefined,
    },
  );
  const [event] = await eventsOf(store, "model-shop/payer");
  assert.equal(event.position, result.position);
  assert.deepEqual(event.metadata, {
    $correlationId: "c1",
    $causationId: "c0",
    actor: "local-admin",
    project: "shop",
    aggregate: "model",
    id: "payer",
    schemaVersion: 1,
    at: now,
    reason: "try",
  });
});

test("events are written at the newest version of their type", async (t) => {
  const { store, send } = await platform(t);
  await send("CreateMonitor", { id: "drift", definition: drift });
  const [event] = await eventsOf(store, "monitor-shop/drift");
  assert.equal(event.metadata.schemaVersion, 2);
});

test("a command without effect answers the present position", async (t) => {
  const { send } = await platform(t);
  const first = await send("RegisterModel", { id: "payer" });
  const again = await send("RegisterModel", { id: "payer" });
  assert.deepEqual(again, { ...first, events: [] });
});

test("what a payload leaves out is filled in; a payload's reason is kept with the event", async (t) => {
  const { store, send } = await platform(t);
  const { partitions: _, id, ...rest } = createOrders;
  await send("CreateEventSource", { id, ...rest });
  const [source] = await eventsOf(store, "event-source-shop/orders");
  assert.deepEqual(source.data, {
    ...rest,
    schemaId: 7,
    partitions: 4,
    maxRecordBytes: 1_048_576,
    retentionMs: null,
  });
  assert.deepEqual((await send("CreateEventSource", { id, ...rest })).events, []);
  await send("CreateDeployment", { id: "payment", ...payment });
  await send("StopDeployment", { id: "payment", reason: "sold" }, { reason: "other" });
  assert.equal((await eventsOf(store, "deployment-shop/payment"))[1].metadata.reason, "sold");
});

test("every command goes through; none is left without a handler", async (t) => {
  const { send } = await platform(t);
  const sent = new Set<string>(["CreateProject"]);
  const all: typeof send = async (type, payload, rest) => {
    sent.add(type);
    return send(type, payload, rest);
  };
  await all("RenameProject", { name: "Store" });
  await all("GrantRole", { member: "bob", role: "Admin" });
  await all("RevokeRole", { member: "bob" });
  await all("CreateEventSource", createOrders);
  await all("ChangeEventSourceSchema", { id: "orders", schema: `${createOrders.schema} ` });
  await all("CreateFeatureView", { id: "spending", definition: spending });
  const changed = await all("ChangeFeatureView", { id: "spending", definition: { ...spending, ttlMs: 1000 } });
  assert.equal(changed.version, 2);
  await all("RegisterModel", { id: "payer" });
  assert.equal((await all("CreateModelVersion", { model: "payer", artifact })).version, 1);
  assert.equal((await send("CreateModelVersion", { model: "payer", artifact })).version, 1);
  await all("ApproveModelVersion", { model: "payer", version: 1, comment: "good" });
  await all("SetModelAlias", { model: "payer", alias: "live", version: 1 });
  await all("RemoveModelAlias", { model: "payer", alias: "live" });
  await all("RenameModel", { model: "payer", name: "payers" });
  await all("DescribeModel", { model: "payer", description: "who pays" });
  await all("SetModelTag", { model: "payer", key: "team", value: "a" });
  await all("RemoveModelTag", { model: "payer", key: "team" });
  await all("DescribeModelVersion", { model: "payer", version: 1, description: "first" });
  await all("SetModelVersionTag", { model: "payer", version: 1, key: "data", value: "may" });
  await all("RemoveModelVersionTag", { model: "payer", version: 1, key: "data" });
  await all("SetPolicy", { stage: "Production", approvals: 0, fourEyes: false });
  await all("GiveApproval", { model: "payer", version: 1, stage: "Production" });
  await all("TransitionStage", { model: "payer", version: 1, stage: "Production" });
  const second = await send("CreateModelVersion", { model: "payer", artifact: artifact.replace("a", "b") });
  await send("TransitionStage", { model: "payer", version: second.version as number, stage: "Production" });
  await all("RollBackStage", { model: "payer", stage: "Production", comment: "slow" });
  await send("TransitionStage", { model: "payer", version: 1, stage: "None" });
  await all("DeleteModelVersion", { model: "payer", version: 2 });
  await all("RemovePolicy", { stage: "Production" });
  await all("CreateDeployment", { id: "payment", ...payment });
  await all("ChangeTraffic", { id: "payment", split: [{ ...payment.split[0], version: 2 }] });
  await all("CreateMonitor", { id: "drift", definition: { kind: "drift", deployment: "payment" } });
  await all("DeleteMonitor", { id: "drift" });
  const finding = { deployment: "payment", model: "payer", version: 1, column: "amount", statistic: "psi" };
  const numbers = { value: 1, threshold: 0.2, from: 0, to: 1, rows: 1, message: "drift" };
  await all("RaiseAlert", { id: "a", definition: { monitor: "drift", ...finding, ...numbers } });
  await all("AcknowledgeAlert", { id: "a" });
  await all("ResolveAlert", { id: "a" });
  const { id } = await all("SubmitTrainingJob", { spec: { ...training, parameters: { trees: 3 } } });
  await all("StartTrainingJob", { id, worker: "w", attempt: 1 });
  await all("ReportTrainingProgress", { id, phase: "trees", done: 1, total: 3 });
  await all("CompleteTrainingJob", { id, version: 1, rows: 10, metrics: { auc: 0.7 } });
  for (const [type, job] of [
    ["FailTrainingJob", "f"],
    ["CancelTrainingJob", "c"],
  ] as const) {
    await send("SubmitTrainingJob", { id: job, spec: training });
    await (type === "FailTrainingJob" ? all(type, { id: job, code: "X", message: "" }) : all(type, { id: job }));
  }
  await all("CreateDataset", { id: "loans" });
  assert.equal((await all("CreateDatasetVersion", { dataset: "loans", artifact, format: "csv" })).version, 1);
  await all("CreateDatasetFromQuery", { dataset: "loans", query: "SELECT 1 AS one" });
  await all("SetDatasetTag", { dataset: "loans", key: "team", value: "credit" });
  await all("RemoveDatasetTag", { dataset: "loans", key: "team" });
  await all("ArchiveDataset", { dataset: "loans" });
  const { id: experiment } = await all("CreateExperiment", { name: "trees" });
  await all("RenameExperiment", { id: experiment, name: "forests" });
  await all("SetExperimentTag", { id: experiment, key: "team", value: "a" });
  await all("DeleteExperimentTag", { id: experiment, key: "team" });
  await all("DeleteExperiment", { id: experiment });
  await all("RestoreExperiment", { id: experiment });
  const { id: run } = await all("CreateRun", { experiment, name: "first", startTime: 1 });
  await all("UpdateRun", { id: run, status: "FINISHED", endTime: 2 });
  await all("LogRunBatch", { id: run, params: { depth: "6" }, tags: { team: "a" } });
  await all("DeleteRunTag", { id: run, key: "team" });
  const { id: logged } = await all("CreateLoggedModel", { experiment, name: "model", run });
  await all("LogRunInputs", { id: run, models: [logged] });
  await all("LogRunOutputs", { id: run, models: [{ model: logged }] });
  await all("FinalizeLoggedModel", { id: logged, status: "READY" });
  await all("LogLoggedModelParams", { id: logged, params: { depth: "6" } });
  await all("SetLoggedModelTags", { id: logged, tags: { team: "a" } });
  await all("DeleteLoggedModelTag", { id: logged, key: "team" });
  await all("StoreLoggedModelArtifact", { id: logged, path: "model.onnx", artifact });
  await all("DeleteLoggedModelArtifacts", { id: logged, path: "model.onnx" });
  await all("DeleteLoggedModel", { id: logged });
  await all("StoreRunArtifact", { id: run, path: "plots/roc.png", artifact });
  await all("DeleteRunArtifacts", { id: run, path: "plots" });
  await all("DeleteRun", { id: run });
  await all("RestoreRun", { id: run });
  await all("StopDeployment", { id: "payment" });
  await all("RejectModelVersion", { model: "payer", version: 1, comment: "old" });
  await all("ArchiveModel", { model: "payer" });
  await all("ArchiveFeatureView", { id: "spending" });
  await all("ArchiveEventSource", { id: "orders" });
  assert.deepEqual([...sent].sort(), [...commandTypes].sort());
});

test("bad requests name what is wrong", async (t) => {
  const { bus, send } = await platform(t);
  const refused = (request: object, message: RegExp) =>
    assert.rejects(
      bus.dispatch({ type: "RegisterModel", project: "shop", payload: { id: "m" }, actor: localAdmin, ...request }),
      { code: "BAD_REQUEST", message },
    );
  await refused({ type: "PaintModel" }, /unknown command "PaintModel"; known are CreateProject, /);
  await refused({ type: "constructor" }, /unknown command/);
  await refused({ project: "Shop!" }, /project: expected 1 to 63/);
  await refused({ payload: null }, /expected object/);
  await refused({ payload: { id: "Not a slug" }, type: "ArchiveEventSource" }, /id: expected 1 to 63 of a-z/);
  await refused({ payload: { id: "a/b" } }, /id: expected no slash, no colon/);
  await refused({ payload: { id: "m", colour: "red" } }, /colour/);
  await refused({ payload: { id: "m", description: "x".repeat(5001) } }, /description/);
  await refused({ idempotencyKey: "" }, /idempotencyKey/);
  await refused({ type: "CreateProject", payload: { id: "other", name: "x" } }, /must be the project/);
  const definition = { ...drift, windowMs: 1000 };
  await refused(
    { type: "CreateMonitor", payload: { id: "m", definition } },
    /definition.windowMs: expected a multiple/,
  );
  await assert.rejects(send("RegisterModel", { id: "m" }, { project: "nowhere" }), {
    code: "NOT_FOUND",
    message: /project "nowhere" does not exist/,
  });
});

test("many commands to one stream all get through, in this process and from another", async (t) => {
  const path = join(temporaryDirectory(t), "events.db");
  const here = await platform(t, { store: sqliteEventStore(path) });
  const there = await platform(t, { store: sqliteEventStore(path) });
  await here.send("RegisterModel", { id: "payer" });
  const versions = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const { send } = i % 2 === 0 ? here : there;
      const result = await send("CreateModelVersion", { model: "payer", artifact: i.toString(16).padStart(64, "0") });
      return result.version;
    }),
  );
  assert.deepEqual(
    versions.sort((a, b) => a! - b!),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
});

test("a stream that others keep changing ends in CONFLICT", async (t) => {
  const { store } = await platform(t);
  let tries = 0;
  const contended: EventStore = {
    ...store,
    async append() {
      tries++;
      throw new MillraceError("WRONG_EXPECTED_REVISION", "moved");
    },
  };
  const bus = commandBus({
    eventStore: contended,
    checks: noChecks,
    gate: { authorize: async () => {} },
    clock: () => now,
  });
  const request = { type: "RegisterModel", project: "shop", payload: { id: "m" }, actor: localAdmin };
  await assert.rejects(bus.dispatch(request), { code: "CONFLICT", retryable: true });
  assert.equal(tries, 8);
});

test("a failed command does not hold up the next", async (t) => {
  const { send } = await platform(t);
  const results = await Promise.allSettled([
    send("ApproveModelVersion", { model: "payer", version: 1, comment: "good" }),
    send("RegisterModel", { id: "payer" }),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "fulfilled"],
  );
});
