import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { experiment } from "../../commands/experiment/decider.ts";
import { experimentFinder } from "../../commands/references/experiment-names.ts";
import { trackingChecks } from "../../commands/references/tracking.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { noChecks, platform, temporaryDirectory } from "./platform.ts";
import { now, spec } from "./specification.ts";

const created = {
  type: "ExperimentCreated",
  data: { name: "trees", artifactLocation: null, tags: { team: "a" } },
} as const;
const deleted = { type: "ExperimentDeleted", data: {} } as const;
const create = { type: "CreateExperiment", data: { id: "7", ...created.data } } as const;

test("an experiment is created once; its id belongs to it", () => {
  spec(experiment).given().when(create).then(created);
  spec(experiment).given(created).when(create).then();
  const other = { ...create, data: { ...create.data, name: "forests" } };
  spec(experiment).given(created).when(other).thenError("ALREADY_EXISTS", /"7"/);
});

test("Default has the id 0 and no other has", () => {
  const named = (id: string, name: string) => ({ ...create, data: { ...create.data, id, name } });
  spec(experiment).given().when(named("0", "trees")).thenError("BAD_REQUEST", /"0"/);
  spec(experiment)
    .given()
    .when(named("7", "Default"))
    .thenError("BAD_REQUEST", /"Default"/);
  const data = { ...created.data, name: "Default" };
  spec(experiment).given().when(named("0", "Default")).then({ type: "ExperimentCreated", data });
});

test("what is deleted takes no change but to be restored", () => {
  const rename = { type: "RenameExperiment", data: { id: "7", name: "woods" } } as const;
  spec(experiment)
    .given(created, deleted)
    .when(rename)
    .thenError("ILLEGAL_STATE", /restore/);
  const tag = { type: "SetExperimentTag", data: { id: "7", key: "team", value: "b" } } as const;
  spec(experiment)
    .given(created, deleted)
    .when(tag)
    .thenError("ILLEGAL_STATE", /restore/);
  const restore = { type: "RestoreExperiment", data: { id: "7" } } as const;
  spec(experiment).given(created, deleted).when(restore).then({ type: "ExperimentRestored", data: {} });
  spec(experiment).given().when(rename).thenError("NOT_FOUND", /"7"/);
});

test("tags are set and deleted; what is so already leads to nothing", () => {
  const set = (value: string) => ({ type: "SetExperimentTag", data: { id: "7", key: "team", value } }) as const;
  spec(experiment).given(created).when(set("a")).then();
  spec(experiment)
    .given(created)
    .when(set("b"))
    .then({ type: "ExperimentTagSet", data: { key: "team", value: "b" } });
  const drop = { type: "DeleteExperimentTag", data: { id: "7", key: "team" } } as const;
  spec(experiment)
    .given(created)
    .when(drop)
    .then({ type: "ExperimentTagDeleted", data: { key: "team" } });
  spec(experiment)
    .given(created, { type: "ExperimentTagDeleted", data: { key: "team" } })
    .when(drop)
    .then();
});

/** A platform whose names of experiments are really checked. */
const lab = async (t: TestContext, options: { store?: EventStore; clock?: () => number } = {}) => {
  const store = options.store ?? sqliteEventStore(join(temporaryDirectory(t), "events.db"));
  const checks = { ...noChecks, ...trackingChecks(store, options.clock ?? (() => now)) };
  return { ...(await platform(t, { store, checks })), find: experimentFinder(store) };
};

test("a name has one experiment in its project, deleted ones included", async (t) => {
  const { send, find } = await lab(t);
  const { id } = await send("CreateExperiment", { name: "trees" });
  assert.match(id, /^[1-9][0-9]{0,17}$/);
  await assert.rejects(send("CreateExperiment", { name: "trees" }), {
    code: "ALREADY_EXISTS",
    message: new RegExp(`"trees" exists with id ${id}$`),
    details: { experiment: id, deleted: false },
  });
  await send("DeleteExperiment", { id });
  await assert.rejects(send("CreateExperiment", { name: "trees" }), { code: "ALREADY_EXISTS", message: /is deleted/ });
  await send("CreateProject", { id: "other", name: "Other" }, { project: "other" });
  await send("CreateExperiment", { name: "trees" }, { project: "other" });
  assert.equal(await find("shop", "trees"), id);
  assert.equal(await find("shop", "Trees"), null);
});

test("a name that was given up is free, and one that is in use cannot be renamed to", async (t) => {
  const { send, find } = await lab(t);
  const { id } = await send("CreateExperiment", { name: "trees" });
  await send("RenameExperiment", { id, name: "forests" });
  assert.equal(await find("shop", "trees"), null);
  const second = await send("CreateExperiment", { name: "trees" });
  assert.equal(await find("shop", "trees"), second.id);
  await assert.rejects(send("RenameExperiment", { id: second.id, name: "forests" }), { code: "ALREADY_EXISTS" });
  await assert.rejects(send("RenameExperiment", { id, name: "trees" }), { code: "ALREADY_EXISTS" });
  await send("RenameExperiment", { id: second.id, name: "woods" });
  await send("RenameExperiment", { id, name: "trees" });
  assert.equal(await find("shop", "trees"), id);
});

test("a retry with its key finds the experiment that the first try made", async (t) => {
  const { send } = await lab(t);
  const create = () => send("CreateExperiment", { name: "trees" }, { idempotencyKey: "k" });
  const first = await create();
  assert.deepEqual(await create(), { ...first, deduplicated: true });
});

test("Default is made on first use, whoever comes first", async (t) => {
  const { send } = await lab(t);
  const made = await Promise.all([1, 2, 3].map(() => send("CreateExperiment", { id: "0", name: "Default" })));
  assert.deepEqual(made.map(({ events }) => events.length).sort(), [0, 0, 1]);
  assert.equal((await send("CreateExperiment", { name: "Default" })).id, "0");
});

test("of two processes one gets the name", async (t) => {
  const path = join(temporaryDirectory(t), "events.db");
  const here = await lab(t, { store: sqliteEventStore(path) });
  const there = await lab(t, { store: sqliteEventStore(path) });
  for (let i = 0; i < 20; i++) {
    const name = `race-${i}`;
    const tried = await Promise.allSettled([here, there].map(({ send }) => send("CreateExperiment", { name })));
    const codes = tried.map((one) => (one.status === "fulfilled" ? "made" : one.reason.code));
    assert.equal(codes.filter((code) => code === "made").length, 1, codes.join());
    assert.ok(codes.includes("ALREADY_EXISTS") || codes.includes("CONFLICT"), codes.join());
  }
});

test("a claim that led to nothing stands for ten seconds", async (t) => {
  let at = now;
  const { store, send } = await lab(t, { clock: () => at });
  const died = trackingChecks(store, () => at);
  await died.takeExperimentName("shop", "trees", "77");
  await assert.rejects(send("CreateExperiment", { name: "trees" }), { code: "CONFLICT" });
  at += 10_001;
  const { id } = await send("CreateExperiment", { name: "trees" });
  await assert.rejects(died.takeExperimentName("shop", "trees", "77"), { details: { experiment: id, deleted: false } });
});

test("ids and names that are none are refused", async (t) => {
  const { send } = await lab(t);
  for (const id of ["", "01", "a", "-1"]) {
    await assert.rejects(send("CreateExperiment", { id, name: "x" }), { code: "BAD_REQUEST", message: /id: / });
  }
  await assert.rejects(send("CreateExperiment", { name: " " }), { code: "BAD_REQUEST", message: /name: / });
  await assert.rejects(send("CreateExperiment", { name: "x".repeat(501) }), { code: "BAD_REQUEST", message: /name: / });
});
