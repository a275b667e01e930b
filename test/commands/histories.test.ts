import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Experiment } from "../../commands/experiment/decider.ts";
import { handlers } from "../../commands/handlers.ts";
import type { LoggedModel } from "../../commands/logged-model/decider.ts";
import type { Model } from "../../commands/model/state.ts";
import type { Monitor } from "../../commands/monitor/decider.ts";
import type { Policy } from "../../commands/policy/decider.ts";
import type { Run } from "../../commands/run/decider.ts";
import type { TrainingJob } from "../../commands/training-job/decider.ts";
import { aggregates, type LifecycleEvent, parseStreamName } from "../../schemas/lifecycle.ts";
import { currentVersion, eventTypes, upcast } from "../../schemas/upcasters.ts";

type Recorded = { stream: string; type: string; data: unknown; metadata: { schemaVersion: number } };

/** What releases have written. A file here is never changed; a new event version adds a file or lines. */
const histories: Recorded[][] = globSync("test/histories/*.json").map((file) => JSON.parse(readFileSync(file, "utf8")));
const recorded = histories.flat();

const newest = ({ type, data, metadata }: Recorded): LifecycleEvent =>
  ({ type, data: upcast(type, metadata.schemaVersion, data) }) as LifecycleEvent;

const folds = new Map(Object.values(handlers).map((handler) => [handler.aggregate, handler]));

const replay = (events: Recorded[]): Map<string, unknown> => {
  const states = new Map<string, unknown>();
  for (const event of events) {
    const aggregate = parseStreamName(event.stream)?.aggregate;
    assert.ok(aggregate, event.stream);
    const { initial, evolve } = folds.get(aggregate)!;
    states.set(event.stream, evolve(states.get(event.stream) ?? initial, newest(event)));
  }
  return states;
};

test("the histories hold every event type in every version ever released", () => {
  const held = new Set(recorded.map(({ type, metadata }) => `${type} ${metadata.schemaVersion}`));
  for (const type of eventTypes) {
    for (let version = 1; version <= currentVersion(type); version++) {
      assert.ok(held.has(`${type} ${version}`), `no history holds ${type} version ${version}`);
    }
  }
  const kinds = new Set(recorded.map(({ stream }) => parseStreamName(stream)?.aggregate));
  assert.deepEqual([...kinds].sort(), [...aggregates].sort());
});

test("every decider reads every history", () => {
  for (const history of histories) {
    for (const [stream, state] of replay(history)) assert.ok(state, stream);
  }
});

test("the shop of release 0.1 is what it was", () => {
  const states = replay(JSON.parse(readFileSync("test/histories/0.1-shop.json", "utf8")));
  const monitors = ["drift", "errors", "strict"].map((id) => states.get(`monitor-shop/${id}`) as Monitor);
  assert.deepEqual(
    monitors.map(({ definition }) => (definition.kind === "drift" ? definition.minRows : null)),
    [500, null, 50],
  );
  for (const { definition } of monitors) assert.ok(!("tileMs" in definition));
  const sources = ["orders", "payments"].map((id) => states.get(`event-source-shop/${id}`));
  assert.deepEqual(
    sources.map((state) => (state as { definition: { maxRecordBytes: number } }).definition.maxRecordBytes),
    [1_048_576, 4096],
  );
  const payer = states.get("model-shop/payer") as Model;
  assert.deepEqual(
    payer.versions.map(({ status }) => status),
    ["approved", "rejected"],
  );
  assert.deepEqual([...payer.aliases], [["live", 1]]);
  const jobs = ["one", "two", "three"].map((id) => (states.get(`training-job-shop/${id}`) as TrainingJob).status);
  assert.deepEqual(jobs, ["completed", "failed", "cancelled"]);
});

test("the runs of release 0.2 are what they were", () => {
  const states = replay(JSON.parse(readFileSync("test/histories/0.2-tracking.json", "utf8")));
  const trees = states.get("experiment-lab/7") as Experiment;
  assert.deepEqual([trees.name, [...trees.formerNames], trees.status], ["forests", ["trees"], "active"]);
  assert.deepEqual([...trees.tags], [["goal", "auc"]]);
  const best = states.get(`run-lab/${"0a".repeat(16)}`) as Run;
  assert.deepEqual([best.name, best.status, best.endTime, best.deleted], ["best", "FINISHED", 1795132900000, false]);
  assert.deepEqual(Object.fromEntries(best.params), { depth: "6", trees: "100" });
  assert.deepEqual(Object.fromEntries(best.tags), { "mlflow.runName": "best", team: "a" });
  const late = states.get(`logged-model-lab/m-${"0b".repeat(16)}`) as LoggedModel;
  assert.deepEqual([late.status, late.deleted, [...late.tags]], ["READY", true, [["team", "a"]]]);
});

test("the files of release 0.2 are where they were", () => {
  const states = replay(JSON.parse(readFileSync("test/histories/0.2-artifacts.json", "utf8")));
  const { files } = states.get(`run-lab/${"0c".repeat(16)}`) as Run;
  assert.deepEqual([...files.values()], [{ path: "plots.csv", digest: "a4".repeat(32), size: 8 }]);
  const logged = states.get(`logged-model-lab/m-${"0d".repeat(16)}`) as LoggedModel;
  assert.deepEqual([...logged.files.keys()], ["MLmodel"]);
});

test("the bank of release 0.2 is what it was", () => {
  const states = replay(JSON.parse(readFileSync("test/histories/0.2-governance.json", "utf8")));
  const scoring = states.get("model-bank/Scoring (retail)") as Model;
  assert.deepEqual(
    scoring.versions.map(({ status, stage }) => [status, stage]),
    [
      ["pending", "Production"],
      ["approved", "Archived"],
      ["deleted", "None"],
    ],
  );
  assert.deepEqual(scoring.entered, { Staging: [2], Production: [1] });
  assert.deepEqual([scoring.description, [...scoring.tags]], ["who pays back", [["team", "risk"]]]);
  assert.equal((states.get("policy-bank/Production") as Policy)?.gate, "auc >= 0.7 && auc >= champion.auc - 0.01");
  assert.deepEqual((states.get("policy-bank/Staging") as Policy)?.lineage, ["run", "dataset", "training-job"]);
});

test("a version of release 0.1 is ONNX and names neither run nor dataset", () => {
  const states = replay(JSON.parse(readFileSync("test/histories/0.1-shop.json", "utf8")));
  for (const { definition, stage } of (states.get("model-shop/payer") as Model).versions) {
    const { format, source, run, lineage } = definition;
    assert.deepEqual(
      [format, source, run, lineage.run, lineage.datasets, stage],
      ["onnx", null, null, null, [], "None"],
    );
  }
});

test("data at the newest version is passed on as it is", () => {
  const data = { name: "x" };
  assert.equal(upcast("ProjectRenamed", currentVersion("ProjectRenamed"), data), data);
});

test("an unknown type or a version from the future is refused", () => {
  assert.throws(() => upcast("ProjectPainted", 1, {}), { code: "UNKNOWN_EVENT", message: /ProjectPainted/ });
  assert.throws(() => upcast("constructor", 1, {}), { code: "UNKNOWN_EVENT" });
  for (const version of [3, 0, 1.5, Number.NaN]) {
    assert.throws(() => upcast("MonitorCreated", version, {}), { code: "UNKNOWN_EVENT", message: /reads 1 to 2/ });
  }
});

test("the outputs that are served are what was chosen in release 0.3, and left to the file before", () => {
  const chosen = replay(JSON.parse(readFileSync("test/histories/0.3-outputs.json", "utf8")));
  const { versions } = chosen.get("model-lab/outputs") as Model;
  assert.deepEqual(
    versions.map(({ definition: { output, outputIndex } }) => [output, outputIndex]),
    [["Score.output", 2]],
  );
  const before = replay(JSON.parse(readFileSync("test/histories/0.1-shop.json", "utf8")));
  const payer = before.get("model-shop/payer") as Model;
  assert.deepEqual([payer.versions[0].definition.output, payer.versions[0].definition.outputIndex], [null, null]);
});
