import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alert } from "../../commands/alert/decider.ts";
import type { Decider } from "../../commands/decider.ts";
import { deployment } from "../../commands/deployment/decider.ts";
import { eventSource } from "../../commands/event-source/decider.ts";
import { experiment } from "../../commands/experiment/decider.ts";
import { featureView } from "../../commands/feature-view/decider.ts";
import { loggedModel } from "../../commands/logged-model/decider.ts";
import { model } from "../../commands/model/decider.ts";
import { monitor } from "../../commands/monitor/decider.ts";
import { policy } from "../../commands/policy/decider.ts";
import { project } from "../../commands/project/decider.ts";
import { run } from "../../commands/run/decider.ts";
import { trainingJob } from "../../commands/training-job/decider.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { drift, finding, orders, payment, spending, training, version } from "./samples.ts";
import { now } from "./specification.ts";

/**
 * In whatever state, a command is refused with a code or answered with events; after them, the same command once more
 * asks for a state that is there and leads to no event. (A report of progress is a fact of its own each time.)
 */
const repeats = <State, Command extends { type: string }, Event>(
  decider: Decider<State, Command, Event>,
  commands: Command[],
): void => {
  test(`${decider.aggregate}: any command can be sent again`, () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...commands), { maxLength: 20 }), (sequence) => {
        let state = decider.initial;
        for (const command of sequence) {
          let events: Event[];
          try {
            events = decider.decide(command, state, { now, actor: "ann" });
          } catch (error) {
            assert.ok(error instanceof MillraceError, String(error));
            continue;
          }
          state = events.map((event) => ({ ...event, by: "ann" })).reduce(decider.evolve, state);
          if (command.type === "ReportTrainingProgress") continue;
          assert.deepEqual(decider.decide(command, state, { now, actor: "ann" }), [], JSON.stringify(command));
        }
      }),
      { numRuns: 500 },
    );
  });
};

repeats(project, [
  ...["Shop", "Store"].flatMap((name) => [
    { type: "CreateProject", data: { id: "shop", name, description: "" } } as const,
    { type: "RenameProject", data: { name } } as const,
  ]),
  ...["ann", "bob"].flatMap((member) => [
    { type: "GrantRole", data: { member, role: "Admin" } } as const,
    { type: "GrantRole", data: { member, role: "Regular_User" } } as const,
    { type: "RevokeRole", data: { member } } as const,
  ]),
]);

repeats(eventSource, [
  { type: "CreateEventSource", data: { id: "orders", definition: orders } },
  { type: "CreateEventSource", data: { id: "orders", definition: { ...orders, partitions: 9 } } },
  { type: "ChangeEventSourceSchema", data: { id: "orders", schema: "{}", schemaId: 2 } },
  { type: "ChangeEventSourceSchema", data: { id: "orders", schema: orders.schema, schemaId: 1 } },
  { type: "ArchiveEventSource", data: { id: "orders" } },
]);

repeats(featureView, [
  ...[spending, { ...spending, ttlMs: 5 }].flatMap((definition) => [
    { type: "CreateFeatureView", data: { id: "spending", definition } } as const,
    { type: "ChangeFeatureView", data: { id: "spending", definition } } as const,
  ]),
  { type: "ArchiveFeatureView", data: { id: "spending" } },
]);

repeats(model, [
  { type: "RegisterModel", data: { id: "payer", description: "" } },
  { type: "CreateModelVersion", data: { model: "payer", definition: version } },
  { type: "CreateModelVersion", data: { model: "payer", definition: { ...version, metrics: {} } } },
  ...[1, 2].flatMap((number) => [
    { type: "ApproveModelVersion", data: { model: "payer", version: number, comment: "good" } } as const,
    { type: "RejectModelVersion", data: { model: "payer", version: number, comment: "bad" } } as const,
    { type: "SetModelAlias", data: { model: "payer", alias: "live", version: number } } as const,
    ...(["Staging", "Production", "Archived"] as const).map((stage) => {
      const data = { model: "payer", version: number, stage, archiveExisting: true, comment: "", failed: [] };
      return { type: "TransitionStage", data } as const;
    }),
    { type: "RollBackStage", data: { model: "payer", stage: "Production", to: number, comment: "slow" } } as const,
    { type: "GiveApproval", data: { model: "payer", version: number, stage: "Staging", comment: "" } } as const,
    { type: "DeleteModelVersion", data: { model: "payer", version: number } } as const,
    { type: "SetModelVersionTag", data: { model: "payer", version: number, key: "a", value: "b" } } as const,
    { type: "RemoveModelVersionTag", data: { model: "payer", version: number, key: "a" } } as const,
  ]),
  { type: "RemoveModelAlias", data: { model: "payer", alias: "live" } },
  { type: "ArchiveModel", data: { model: "payer" } },
]);

const rules = { approvals: 1, fourEyes: true, gate: null, lineage: [] };
repeats(policy, [
  { type: "SetPolicy", data: { stage: "Production", ...rules, roles: ["Admin"] } },
  { type: "SetPolicy", data: { stage: "Production", ...rules, roles: ["Data_Scientist"], approvals: 0 } },
  { type: "SetPolicy", data: { stage: "Production", ...rules, roles: ["Admin"], approvals: 2 } },
  { type: "RemovePolicy", data: { stage: "Production" } },
]);

repeats(deployment, [
  { type: "CreateDeployment", data: { id: "payment", ...payment } },
  { type: "CreateDeployment", data: { id: "payment", ...payment, threshold: 0.1 } },
  { type: "ChangeTraffic", data: { id: "payment", split: [{ ...payment.split[0], version: 2 }], reason: "" } },
  { type: "ChangeTraffic", data: { id: "payment", split: payment.split, reason: "" } },
  { type: "ChangeTraffic", data: { id: "payment", split: [], reason: "" } },
  { type: "StopDeployment", data: { id: "payment", reason: "" } },
]);

repeats(monitor, [
  { type: "CreateMonitor", data: { id: "drift", definition: drift } },
  { type: "CreateMonitor", data: { id: "drift", definition: { ...drift, minRows: 1 } } },
  { type: "DeleteMonitor", data: { id: "drift" } },
]);

repeats(alert, [
  { type: "RaiseAlert", data: { id: "a", definition: finding } },
  { type: "RaiseAlert", data: { id: "a", definition: { ...finding, value: 9 } } },
  { type: "AcknowledgeAlert", data: { id: "a", comment: "" } },
  { type: "ResolveAlert", data: { id: "a", comment: "" } },
]);

repeats(trainingJob, [
  { type: "SubmitTrainingJob", data: { id: "j", spec: training } },
  { type: "SubmitTrainingJob", data: { id: "j", spec: { ...training, to: 5 } } },
  ...[1, 2].map((attempt) => ({ type: "StartTrainingJob", data: { id: "j", worker: "w", attempt } }) as const),
  { type: "ReportTrainingProgress", data: { id: "j", phase: "trees", done: 1, total: 2, message: "" } },
  { type: "CompleteTrainingJob", data: { id: "j", version: 1, rows: 1, metrics: {} } },
  { type: "FailTrainingJob", data: { id: "j", code: "X", message: "" } },
  { type: "CancelTrainingJob", data: { id: "j" } },
]);

const made = { id: "7", name: "trees", artifactLocation: null, tags: {} };

repeats(experiment, [
  { type: "CreateExperiment", data: made },
  { type: "CreateExperiment", data: { ...made, name: "forests" } },
  { type: "RenameExperiment", data: { id: "7", name: "trees" } },
  { type: "RenameExperiment", data: { id: "7", name: "woods" } },
  { type: "SetExperimentTag", data: { id: "7", key: "team", value: "a" } },
  { type: "DeleteExperimentTag", data: { id: "7", key: "team" } },
  { type: "DeleteExperiment", data: { id: "7" } },
  { type: "RestoreExperiment", data: { id: "7" } },
]);

const dataset = { name: "d", digest: "1", sourceType: "local", source: "", schema: null, profile: null, tags: {} };
const begun = { id: "r", experiment: "7", name: "first", user: "ann", startTime: 1, tags: {} };

repeats(run, [
  { type: "CreateRun", data: begun },
  { type: "CreateRun", data: { ...begun, user: "bob" } },
  { type: "UpdateRun", data: { id: "r", status: "FINISHED", endTime: 2, name: "last" } },
  { type: "UpdateRun", data: { id: "r", status: "RUNNING", endTime: null } },
  ...["1", "2"].map((a) => ({ type: "LogRunBatch", data: { id: "r", params: { a }, tags: { a } } }) as const),
  { type: "LogRunBatch", data: { id: "r", params: {}, tags: { "mlflow.runName": "middle" } } },
  { type: "DeleteRunTag", data: { id: "r", key: "mlflow.runName" } },
  { type: "LogRunInputs", data: { id: "r", datasets: [dataset, dataset], models: ["m", "m"] } },
  { type: "LogRunOutputs", data: { id: "r", models: [{ model: "m", step: 1 }] } },
  ...["1", "2"].map(
    (digest) => ({ type: "StoreRunArtifact", data: { id: "r", path: "a/b", digest, size: 1 } }) as const,
  ),
  { type: "DeleteRunArtifacts", data: { id: "r", path: "a" } },
  { type: "DeleteRun", data: { id: "r" } },
  { type: "RestoreRun", data: { id: "r" } },
]);

const logged = { id: "m", experiment: "7", name: "model", run: null, modelType: null, params: { a: "1" }, tags: {} };

repeats(loggedModel, [
  { type: "CreateLoggedModel", data: logged },
  { type: "CreateLoggedModel", data: { ...logged, run: "r" } },
  ...(["READY", "UPLOAD_FAILED"] as const).map(
    (status) => ({ type: "FinalizeLoggedModel", data: { id: "m", status } }) as const,
  ),
  ...["1", "2"].map((a) => ({ type: "LogLoggedModelParams", data: { id: "m", params: { a } } }) as const),
  { type: "SetLoggedModelTags", data: { id: "m", tags: { a: "1" } } },
  { type: "DeleteLoggedModelTag", data: { id: "m", key: "a" } },
  { type: "StoreLoggedModelArtifact", data: { id: "m", path: "a/b", digest: "1", size: 1 } },
  { type: "DeleteLoggedModelArtifacts", data: { id: "m", path: "" } },
  { type: "DeleteLoggedModel", data: { id: "m" } },
]);
