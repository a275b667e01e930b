import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { trackingChecks } from "../../commands/references/tracking.ts";
import { type RunCommand, run } from "../../commands/run/decider.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import type { RunEvent } from "../../schemas/lifecycle/run.ts";
import { eventsOf, noChecks, platform, temporaryDirectory } from "./platform.ts";
import { now, spec } from "./specification.ts";

const id = "0a".repeat(16);
const model = `m-${"0b".repeat(16)}`;
const begun = { experiment: "7", name: "first", user: "ann", startTime: 1, tags: {} };
const created = { type: "RunCreated", data: { ...begun, tags: { "mlflow.runName": "first" } } } as const;
const deleted = { type: "RunDeleted", data: {} } as const;
const params = (values: Record<string, string>) => ({ type: "RunParamsLogged", data: { params: values } }) as const;
const batch = (values: Record<string, string>, tags: Record<string, string> = {}) =>
  ({ type: "LogRunBatch", data: { id, params: values, tags } }) as const;

test("a run is created once, with its name as a tag", () => {
  const create = { type: "CreateRun", data: { id, ...begun } } as const;
  spec(run).given().when(create).then(created);
  spec(run).given(created).when(create).then();
  const other = { ...create, data: { ...create.data, user: "bob" } };
  spec(run).given(created).when(other).thenError("ALREADY_EXISTS");
});

test("a batch is one event for its parameters and one for its tags, of what is new", () => {
  spec(run)
    .given(created, params({ depth: "6" }))
    .when(batch({ depth: "6", trees: "100" }, { team: "a", note: "" }))
    .then(params({ trees: "100" }), { type: "RunTagsSet", data: { tags: { team: "a", note: "" } } });
  spec(run)
    .given(created, params({ depth: "6" }))
    .when(batch({ depth: "6" }, { "mlflow.runName": "first" }))
    .then();
});

test("a parameter does not change: the refusal names it and both values, and nothing of the batch is logged", () => {
  spec(run)
    .given(created, params({ depth: "6" }))
    .when(batch({ trees: "100", depth: "7" }, { team: "a" }))
    .thenError("ILLEGAL_STATE", /"depth" with value "6".*"7"/);
});

test("the name and its tag say the same", () => {
  const renamed = { type: "RunUpdated", data: { name: "best" } } as const;
  const tagged = { type: "RunTagsSet", data: { tags: { "mlflow.runName": "best" } } } as const;
  spec(run)
    .given(created)
    .when({ type: "UpdateRun", data: { id, name: "best" } })
    .then(renamed, tagged);
  spec(run)
    .given(created)
    .when(batch({}, { "mlflow.runName": "best" }))
    .then(tagged, renamed);
});

test("an update writes what it changes; a run that has ended may run on", () => {
  const finish = { type: "UpdateRun", data: { id, status: "FINISHED", endTime: 9 } } as const;
  const finished = { type: "RunUpdated", data: { status: "FINISHED", endTime: 9 } } as const;
  spec(run).given(created).when(finish).then(finished);
  spec(run).given(created, finished).when(finish).then();
  spec(run)
    .given(created, finished)
    .when({ type: "UpdateRun", data: { id, status: "RUNNING", endTime: null } })
    .then({ type: "RunUpdated", data: { status: "RUNNING", endTime: null } });
});

test("inputs and outputs are logged once each", () => {
  const dataset = { name: "d", digest: "1", sourceType: "local", source: "", schema: null, profile: null, tags: {} };
  const logged: RunEvent = { type: "RunInputsLogged", data: { datasets: [dataset], models: [model] } };
  spec(run)
    .given(created)
    .when({ type: "LogRunInputs", data: { id, datasets: [dataset, dataset], models: [model] } })
    .then(logged);
  const newer = { ...dataset, digest: "2" };
  spec(run)
    .given(created, logged)
    .when({ type: "LogRunInputs", data: { id, datasets: [dataset, newer], models: [model] } })
    .then({ type: "RunInputsLogged", data: { datasets: [newer], models: [] } });
  const output: RunCommand = { type: "LogRunOutputs", data: { id, models: [{ model, step: 3 }] } };
  const written: RunEvent = { type: "RunOutputsLogged", data: { models: [{ model, step: 3 }] } };
  spec(run).given(created).when(output).then(written);
  spec(run).given(created, written).when(output).then();
});

test("a deleted run takes nothing until it is restored", () => {
  spec(run)
    .given(created, deleted)
    .when(batch({ depth: "6" }))
    .thenError("ILLEGAL_STATE", /restore/);
  spec(run).given(created, deleted).when({ type: "RestoreRun", data: { id } }).then({ type: "RunRestored", data: {} });
  spec(run).given().when({ type: "DeleteRun", data: { id } }).thenError("NOT_FOUND");
});

const lab = async (t: TestContext) => {
  const store = sqliteEventStore(join(temporaryDirectory(t), "events.db"));
  const shop = await platform(t, { store, checks: { ...noChecks, ...trackingChecks(store, () => now) } });
  const { id: experiment } = await shop.send("CreateExperiment", { name: "trees" });
  return { ...shop, experiment };
};

test("a run needs an experiment that is there, and so does all that it logs", async (t) => {
  const { send, experiment } = await lab(t);
  const create = (within: string) => send("CreateRun", { experiment: within, name: "r", startTime: 1 });
  await assert.rejects(create("12"), { code: "NOT_FOUND", message: /experiment "12"/ });
  const { id: known } = await create(experiment);
  assert.match(known, /^[0-9a-f]{32}$/);
  await send("DeleteExperiment", { id: experiment });
  await assert.rejects(create(experiment), { code: "ILLEGAL_STATE", message: /restore/ });
  await assert.rejects(send("LogRunBatch", { id: known, params: { a: "1" } }), { code: "ILLEGAL_STATE" });
  await send("DeleteRun", { id: known });
  await assert.rejects(send("RestoreRun", { id: known }), { code: "ILLEGAL_STATE", message: /experiment/ });
  await send("RestoreExperiment", { id: experiment });
  await send("RestoreRun", { id: known });
  assert.deepEqual((await send("LogRunBatch", { id: known, params: { a: "1" } })).events, ["RunParamsLogged"]);
});

test("a logged model needs its run", async (t) => {
  const { send, experiment } = await lab(t);
  const missing = { experiment, name: "m", run: id };
  await assert.rejects(send("CreateLoggedModel", missing), { code: "NOT_FOUND", message: /run/ });
  const { id: known } = await send("CreateRun", { experiment, name: "r", startTime: 1 });
  assert.match((await send("CreateLoggedModel", { ...missing, run: known })).id, /^m-[0-9a-f]{32}$/);
});

test("a name that its tag contradicts is refused", async (t) => {
  const { send, experiment } = await lab(t);
  const named = (name: string) =>
    send("CreateRun", { experiment, name, startTime: 1, tags: { "mlflow.runName": "one" } });
  await assert.rejects(named("two"), { code: "BAD_REQUEST", message: /mlflow\.runName/ });
  await named("one");
});

test("limits: keys, values and batches", async (t) => {
  const { send, experiment } = await lab(t);
  const { id: known } = await send("CreateRun", { experiment, name: "r", startTime: 1 });
  const log = (values: Record<string, string>, tags: Record<string, string> = {}) =>
    send("LogRunBatch", { id: known, params: values, tags });
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, ""]));
  await log({ ["k".repeat(250)]: "v".repeat(6000) }, { t: "v".repeat(8000) });
  await log(many(100), many(100));
  const refused = (pattern: RegExp) => ({ code: "BAD_REQUEST", message: pattern });
  await assert.rejects(log({ ["k".repeat(251)]: "v" }), refused(/params/));
  await assert.rejects(log({ k: "v".repeat(6001) }), refused(/params\.k: /));
  await assert.rejects(log({}, { t: "v".repeat(8001) }), refused(/tags\.t: /));
  await assert.rejects(log(many(101)), refused(/at most 100 parameters/));
  await assert.rejects(log({}, many(101)), refused(/at most 100 tags/));
  for (const key of ["", "../a", "a//b", "/a", "a/", ".", "a$b", "a\n"]) {
    await assert.rejects(log({ [key]: "v" }), refused(/params/), key);
  }
  await log({ "lr/größe 1.0-b_c": "v" });
});

test("a thousand parameters one by one read each event once", async (t) => {
  const { store, send, experiment } = await lab(t);
  const { id: known } = await send("CreateRun", { experiment, name: "r", startTime: 1 });
  let read = 0;
  const readStream = store.readStream;
  store.readStream = async function* (stream, from) {
    for await (const event of readStream.call(store, stream, from)) {
      if (stream === `run-shop/${known}`) read++;
      yield event;
    }
  };
  for (let i = 0; i < 1000; i++) await send("LogRunBatch", { id: known, params: { [`p${i}`]: String(i) } });
  assert.ok(read <= 1001, `${read} events were read`);
  assert.equal((await eventsOf(store, `run-shop/${known}`)).length, 1001);
});
