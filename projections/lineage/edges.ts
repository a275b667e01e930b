import type {
  DatasetVersionDocument,
  DeploymentDocument,
  FeatureViewDocument,
  LoggedModelDocument,
  ModelVersionDocument,
  RunDocument,
  TrainingJobDocument,
} from "../documents/types.ts";
import type { LineageEdge, LineageNode, NodeKind } from "./nodes.ts";

/** What each document says of its own origins. */
type Origin = [kind: NodeKind, id: string, relation: string, detail?: unknown];

const edgesFrom = (from: LineageNode, origins: readonly Origin[]): LineageEdge[] =>
  origins.map(([kind, id, relation, detail = null]) => ({
    from,
    to: { kind, project: from.project, id },
    relation,
    detail,
  }));

const loggedModelIn = (source: string | null): string | null =>
  /^models:\/(m-[0-9a-f]{32})/.exec(source ?? "")?.[1] ?? null;

export const modelVersionEdges = (version: ModelVersionDocument): LineageEdge[] => {
  const { lineage, project, id } = version;
  const run = lineage.run ?? version.run;
  const logged = loggedModelIn(version.source);
  const { from, to, rows, positions } = lineage;
  const origins: Origin[] = [
    ...(lineage.trainingJob === null
      ? []
      : [["TrainingJob", lineage.trainingJob, "trained by", { from, to, rows, positions }] satisfies Origin]),
    ...(run === null ? [] : [["Run", run, "registered from"] satisfies Origin]),
    ...(logged === null ? [] : [["LoggedModel", logged, "registered from"] satisfies Origin]),
    ...lineage.sources.map((source): Origin => ["EventSource", source, "trained on"]),
    ...lineage.views.map(
      ({ view, version: number }): Origin => ["FeatureViewVersion", `${view}/${number}`, "trained on"],
    ),
    ...lineage.datasets.map((one): Origin => ["DatasetVersion", `${one.dataset}/${one.version}`, "trained on"]),
    ...(lineage.code === null ? [] : [["Code", lineage.code, "made by"] satisfies Origin]),
  ];
  return edgesFrom({ kind: "ModelVersion", project, id }, origins);
};

export const trainingJobEdges = ({ project, id, spec }: TrainingJobDocument): LineageEdge[] =>
  edgesFrom({ kind: "TrainingJob", project, id }, [
    ["EventSource", spec.trigger, "rows from"],
    ["EventSource", spec.label.source, "labels from"],
  ]);

/** Inputs are told by name and digest; those that are versions of a dataset of the project are known by their digest. */
export const runEdges = (
  { project, id, inputs, tags }: RunDocument,
  byDigest: ReadonlyMap<string, Pick<DatasetVersionDocument, "id">>,
): LineageEdge[] => {
  const commit = tags["mlflow.source.git.commit"];
  const known = inputs.datasets.flatMap(({ digest }) => byDigest.get(digest) ?? []);
  return edgesFrom({ kind: "Run", project, id }, [
    ...known.map((one): Origin => ["DatasetVersion", one.id, "read"]),
    ...inputs.models.map((model): Origin => ["LoggedModel", model, "read"]),
    ...(commit === undefined ? [] : [["Code", commit, "made by"] satisfies Origin]),
  ]);
};

export const loggedModelEdges = ({ project, id, run }: LoggedModelDocument): LineageEdge[] =>
  edgesFrom({ kind: "LoggedModel", project, id }, run === null ? [] : [["Run", run, "logged by"]]);

export const featureViewEdges = ({ project, id, versions }: FeatureViewDocument): LineageEdge[] =>
  versions.flatMap(({ version, definition }) => {
    const sources = [...new Set(definition.features.map(({ source }) => source))];
    const origins = sources.map((source): Origin => ["EventSource", source, "computed from"]);
    return edgesFrom({ kind: "FeatureViewVersion", project, id: `${id}/${version}` }, origins);
  });

/** Views that columns name, each at the version that was the newest when the revision was made. */
const viewsOf = (deployment: DeploymentDocument, views: readonly FeatureViewDocument[]): Origin[] => {
  const named = deployment.columns.flatMap(({ from }) => /^([\w.-]+):[\w.-]+$/.exec(from)?.[1] ?? []);
  return [...new Set(named)].flatMap((name): Origin[] => {
    const view = views.find(({ id }) => id === name);
    const newest = view?.versions.filter(({ at }) => at <= deployment.updatedAt).at(-1);
    return newest === undefined ? [] : [["FeatureViewVersion", `${name}/${newest.version}`, "served from"]];
  });
};

/** Of a deployment as it was at its revision. */
export const deploymentEdges = (
  deployment: DeploymentDocument,
  views: readonly FeatureViewDocument[],
): LineageEdge[] => {
  const { project, id, revision, split, trigger } = deployment;
  return edgesFrom({ kind: "DeploymentRevision", project, id: `${id}/${revision}` }, [
    ...split.map(({ model, version, variant, share }): Origin => {
      return ["ModelVersion", `${model}/${version}`, "routes to", { variant, share }];
    }),
    ["EventSource", trigger, "triggered by"],
    ...viewsOf(deployment, views),
  ]);
};

/** A prediction, or all of one version at one revision. */
export type Served = { project: string; endpoint: string; revision: number; model: string; version: number };

export const servedEdges = (
  from: LineageNode,
  { endpoint, revision, model, version }: Served,
  detail: unknown,
): LineageEdge[] =>
  edgesFrom(from, [
    ["DeploymentRevision", `${endpoint}/${revision}`, "routed by", detail],
    ["ModelVersion", `${model}/${version}`, "answered by", detail],
  ]);
