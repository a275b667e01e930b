import fc from "fast-check";
import type { AlertDefinition } from "../../schemas/lifecycle/alert.ts";
import type { DatasetVersionDefinition } from "../../schemas/lifecycle/dataset.ts";
import type { Lineage, ModelVersionDefinition } from "../../schemas/lifecycle/model.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import type { Fact } from "./stores.ts";

/** Facts of every aggregate, as examples and as random histories. */
const lineage: Lineage = {
  trainingJob: null,
  from: null,
  to: null,
  rows: null,
  sources: [],
  views: [],
  positions: {},
  code: null,
  run: null,
  datasets: [],
};

export const modelVersion = (version: number): ModelVersionDefinition => ({
  version,
  format: "onnx",
  artifact: "a".repeat(64),
  size: 10,
  signature: { inputs: [], outputs: [] },
  output: "output",
  outputIndex: 0,
  task: "binary",
  columns: ["hour"],
  metrics: { auc: 0.7 },
  profile: null,
  lineage,
  source: null,
  run: null,
});

const alert: AlertDefinition = {
  monitor: "m",
  deployment: "d",
  model: "delays",
  version: 1,
  column: "hour",
  statistic: "psi",
  value: 0.3,
  threshold: 0.1,
  from: 0,
  to: 1,
  rows: 1000,
  message: "hour drifted",
};

export const trainingSpec: TrainingSpec = {
  model: "delays",
  task: "binary",
  trigger: "departures",
  columns: [{ name: "hour", from: "hour(time)" }],
  label: { source: "arrivals", key: ["flight"], value: "event.delay > 15", horizonMs: 1000 },
  from: 0,
  to: 1,
  algorithm: "gradient-boosting",
  parameters: {
    trees: 10,
    learningRate: 0.1,
    maxLeaves: 31,
    maxDepth: 6,
    minLeafRows: 20,
    l2: 1,
    bins: 255,
    validationShare: 0.2,
    earlyStoppingRounds: 5,
    seed: 1,
  },
};

const source = {
  topic: "flights.departures",
  schema: "{}",
  schemaId: 1,
  key: "origin",
  timestamp: "scheduled",
  partitions: 4,
  maxRecordBytes: 1000,
  retentionMs: null,
};
const view = { entity: { name: "origin", key: ["origin"] }, features: [], allowedLatenessMs: 0, ttlMs: null };
const nothing: Record<string, never> = {};

const datasetVersion: DatasetVersionDefinition = {
  version: 1,
  digest: "d".repeat(64),
  format: "csv",
  size: 10,
  rows: 1,
  schema: [{ name: "hour", type: "Float64" }],
  profile: null,
  source: { kind: "upload", text: null },
};

type Life = { aggregate: Fact["aggregate"]; events: (version: number, text: string) => Fact["event"][] };

/** Of each aggregate: the event that creates it, then every other. */
export const lives: readonly Life[] = [
  {
    aggregate: "project",
    events: (_, text) => [
      { type: "ProjectCreated", data: { name: text, description: "" } },
      { type: "ProjectRenamed", data: { name: text } },
      { type: "MemberGranted", data: { member: text, role: "Data_Scientist" } },
      { type: "MemberRevoked", data: { member: text } },
    ],
  },
  {
    aggregate: "event-source",
    events: (version) => [
      { type: "EventSourceCreated", data: source },
      { type: "EventSourceSchemaChanged", data: { schema: "{}", schemaId: version } },
      { type: "EventSourceArchived", data: nothing },
    ],
  },
  {
    aggregate: "feature-view",
    events: (version) => [
      { type: "FeatureViewCreated", data: { definition: view } },
      { type: "FeatureViewChanged", data: { version, definition: view } },
      { type: "FeatureViewArchived", data: nothing },
    ],
  },
  {
    aggregate: "model",
    events: (version, text) => [
      { type: "ModelRegistered", data: { description: text } },
      { type: "ModelVersionCreated", data: modelVersion(version) },
      { type: "ModelVersionApproved", data: { version, comment: text } },
      { type: "ModelVersionRejected", data: { version, comment: text } },
      { type: "ModelAliasSet", data: { alias: text, version } },
      { type: "ModelAliasRemoved", data: { alias: text } },
      { type: "ModelArchived", data: nothing },
      { type: "ModelDescribed", data: { description: text } },
      { type: "ModelTagSet", data: { key: text, value: text } },
      { type: "ModelTagRemoved", data: { key: text } },
      { type: "ModelVersionDescribed", data: { version, description: text } },
      { type: "ModelVersionTagSet", data: { version, key: text, value: text } },
      { type: "ModelVersionTagRemoved", data: { version, key: text } },
      { type: "ModelVersionApprovalGiven", data: { version, stage: "Staging", comment: text } },
      {
        type: "ModelVersionStageChanged",
        data: { version, stage: "Production", from: "None", archived: [version + 1], rollback: false, comment: text },
      },
      { type: "ModelVersionDeleted", data: { version } },
    ],
  },
  {
    aggregate: "policy",
    events: (version) => [
      {
        type: "PolicySet",
        data: { stage: "Production", approvals: version, roles: ["Admin"], fourEyes: true, gate: null, lineage: [] },
      },
      { type: "PolicyRemoved", data: nothing },
    ],
  },
  {
    aggregate: "deployment",
    events: (version) => [
      {
        type: "DeploymentCreated",
        data: { trigger: "departures", columns: [], split: [], outcome: null, threshold: 0.5 },
      },
      { type: "TrafficChanged", data: { split: [{ model: "delays", version, variant: "champion", share: 1 }] } },
      { type: "DeploymentStopped", data: nothing },
    ],
  },
  {
    aggregate: "experiment",
    events: (_, text) => [
      { type: "ExperimentCreated", data: { name: text, artifactLocation: null, tags: { team: text } } },
      { type: "ExperimentRenamed", data: { name: text } },
      { type: "ExperimentTagSet", data: { key: "team", value: text } },
      { type: "ExperimentTagDeleted", data: { key: "team" } },
      { type: "ExperimentDeleted", data: nothing },
      { type: "ExperimentRestored", data: nothing },
    ],
  },
  {
    aggregate: "run",
    events: (version, text) => [
      { type: "RunCreated", data: { experiment: text, name: text, user: "ada", startTime: version, tags: {} } },
      { type: "RunUpdated", data: { status: "FINISHED", endTime: version, name: text } },
      { type: "RunParamsLogged", data: { params: { [text]: text } } },
      { type: "RunTagsSet", data: { tags: { [text]: text } } },
      { type: "RunTagDeleted", data: { key: text } },
      { type: "RunInputsLogged", data: { datasets: [], models: [text] } },
      { type: "RunOutputsLogged", data: { models: [{ model: text, step: version }] } },
      { type: "RunArtifactStored", data: { path: text, digest: "0".repeat(64), size: version } },
      { type: "RunArtifactsDeleted", data: { path: text } },
      { type: "RunDeleted", data: nothing },
      { type: "RunRestored", data: nothing },
    ],
  },
  {
    aggregate: "logged-model",
    events: (_, text) => [
      {
        type: "LoggedModelCreated",
        data: { experiment: text, name: text, run: null, modelType: null, params: {}, tags: {} },
      },
      { type: "LoggedModelFinalized", data: { status: "READY" } },
      { type: "LoggedModelParamsLogged", data: { params: { [text]: text } } },
      { type: "LoggedModelTagsSet", data: { tags: { [text]: text } } },
      { type: "LoggedModelTagDeleted", data: { key: text } },
      { type: "LoggedModelArtifactStored", data: { path: text, digest: "0".repeat(64), size: 1 } },
      { type: "LoggedModelArtifactsDeleted", data: { path: text } },
      { type: "LoggedModelDeleted", data: nothing },
    ],
  },
  {
    aggregate: "monitor",
    events: () => [
      {
        type: "MonitorCreated",
        data: { kind: "error", deployment: "d", minInstances: 30, delta: 0.005, lambda: 50, alpha: 0.9999 },
      },
      { type: "MonitorDeleted", data: nothing },
    ],
  },
  {
    aggregate: "alert",
    events: (_, text) => [
      { type: "AlertRaised", data: alert },
      { type: "AlertAcknowledged", data: { comment: text } },
      { type: "AlertResolved", data: { comment: text } },
    ],
  },
  {
    aggregate: "training-job",
    events: (version, text) => [
      { type: "TrainingJobSubmitted", data: trainingSpec },
      { type: "TrainingJobStarted", data: { worker: text, attempt: version } },
      { type: "TrainingJobProgressed", data: { phase: text, done: version, total: 10, message: "" } },
      { type: "TrainingJobCompleted", data: { version, rows: 1, metrics: { auc: 0.7 } } },
      { type: "TrainingJobFailed", data: { code: "TRAINING_FAILED", message: text } },
      { type: "TrainingJobCancelled", data: nothing },
    ],
  },
  {
    aggregate: "dataset",
    events: (version, text) => [
      { type: "DatasetCreated", data: { description: text } },
      { type: "DatasetVersionCreated", data: { ...datasetVersion, version } },
      { type: "DatasetTagSet", data: { key: text, value: text } },
      { type: "DatasetTagRemoved", data: { key: text } },
      { type: "DatasetArchived", data: nothing },
    ],
  },
  {
    aggregate: "policy",
    events: (approvals) => [
      {
        type: "PolicySet",
        data: { stage: "Production", approvals, roles: [], fourEyes: true, gate: null, lineage: [] },
      },
      { type: "PolicyRemoved", data: nothing },
    ],
  },
];

const step = fc.record({
  life: fc.nat(lives.length - 1),
  event: fc.nat(10),
  id: fc.constantFrom("one", "two", "three"),
  project: fc.constantFrom("flights", "trains"),
  version: fc.integer({ min: 1, max: 12 }),
  text: fc.constantFrom("ada", "bob", "Zürich", "a b"),
});

/** A random history in which every aggregate begins with the event that creates it. */
export const histories: fc.Arbitrary<Fact[]> = fc.array(step, { minLength: 1, maxLength: 60 }).map((steps) => {
  const begun = new Set<string>();
  return steps.map(({ life, event, id, project, version, text }, i) => {
    const { aggregate, events } = lives[life];
    const name = `${aggregate}-${project}/${id}`;
    const choices = events(version, text);
    const index = begun.has(name) ? 1 + (event % (choices.length - 1)) : 0;
    begun.add(name);
    return { aggregate, project, id, event: choices[index], at: 1_000_000 + (i % 7) };
  });
});

export const modelFacts = (project: string, model: string): Fact[] => [
  { aggregate: "model", project, id: model, event: { type: "ModelRegistered", data: { description: "late?" } } },
  { aggregate: "model", project, id: model, event: { type: "ModelVersionCreated", data: modelVersion(1) } },
  {
    aggregate: "model",
    project,
    id: model,
    event: { type: "ModelVersionApproved", data: { version: 1, comment: "good" } },
  },
];
