import { MillraceError } from "../../schemas/errors.ts";
import type { CollectionName, Collections, DeploymentDocument } from "../documents/types.ts";
import {
  deploymentEdges,
  featureViewEdges,
  loggedModelEdges,
  modelVersionEdges,
  runEdges,
  type Served,
  servedEdges,
  trainingJobEdges,
} from "./edges.ts";
import { type LineageEdge, type LineageNode, nodeKey, numbered } from "./nodes.ts";

/** A prediction as far as lineage needs it. */
export type ServedPrediction = Served & {
  topic: string;
  partition: number;
  offset: number;
  positions: readonly number[];
};

export type ServedCount = Served & { predictions: number; from: number; to: number };

/** What lineage is built from. */
export type LineageReads = {
  document<C extends CollectionName>(collection: C, project: string, id: string): Promise<Collections[C] | null>;
  all<C extends CollectionName>(collection: C, project: string): Promise<Collections[C][]>;
  /** A deployment as it was at each of its revisions, the oldest first. */
  revisions(project: string, endpoint: string): Promise<DeploymentDocument[]>;
  prediction(project: string, id: string): Promise<ServedPrediction | null>;
  /** How many predictions there are, by endpoint, revision and version, of these endpoints. */
  served(project: string, endpoints: readonly string[]): Promise<ServedCount[]>;
};

export type Direction = "UPSTREAM" | "DOWNSTREAM";

export type LineageGraph = { nodes: LineageNode[]; edges: LineageEdge[]; truncated: boolean };

/** Most nodes of an answer. */
const MAX_NODES = 2_000;

const cached = <Key, Value>(make: (key: Key) => Promise<Value>): ((key: Key) => Promise<Value>) => {
  const known = new Map<Key, Promise<Value>>();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.set(key, value);
    return value;
  };
};

/**
 * What a node was made from, or what was made from it, as far as `depth` steps. Everything is read from the documents
 * and the predictions: a link is stored once, at what was made, and found backwards by looking at everything that may
 * have one. NOT_FOUND where there is no such node upstream.
 */
export const lineageOf = async (
  reads: LineageReads,
  start: LineageNode,
  direction: Direction,
  depth: number,
): Promise<LineageGraph> => {
  const next = direction === "UPSTREAM" ? upstream(reads, start.project) : await downstream(reads, start.project);
  const nodes = new Map([[nodeKey(start), start]]);
  const edges = new Map<string, LineageEdge>();
  let truncated = false;
  let frontier: { node: LineageNode; parent: LineageNode | null }[] = [{ node: start, parent: null }];
  for (let step = 0; step < depth && frontier.length > 0; step++) {
    const reached: typeof frontier = [];
    for (const { node, parent } of frontier) {
      for (const edge of await next(node, parent)) {
        const far = direction === "UPSTREAM" ? edge.to : edge.from;
        const key = nodeKey(far);
        if (!nodes.has(key)) {
          if (nodes.size === MAX_NODES) {
            truncated = true;
            continue;
          }
          nodes.set(key, far);
          reached.push({ node: far, parent: node });
        }
        edges.set(`${nodeKey(edge.from)}>${nodeKey(edge.to)}>${edge.relation}`, edge);
      }
    }
    frontier = reached;
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()], truncated };
};

type Next = (node: LineageNode, parent: LineageNode | null) => Promise<LineageEdge[]>;

const datasetsByDigest = async (reads: LineageReads, project: string) =>
  new Map((await reads.all("datasetVersions", project)).map((version) => [version.digest, version]));

const upstream = (reads: LineageReads, project: string): Next => {
  const views = cached((name: string) => reads.all("featureViews", name));
  const datasets = cached((name: string) => datasetsByDigest(reads, name));
  const found = async <T>(node: LineageNode, parent: LineageNode | null, document: T | null): Promise<T | null> => {
    if (document !== null || parent !== null) return document;
    throw new MillraceError("NOT_FOUND", `there is no ${node.kind} "${node.id}" in project "${project}"`);
  };
  return async (node, parent) => {
    const { kind, id } = node;
    const part = numbered(id);
    switch (kind) {
      case "Prediction": {
        const prediction = await found(node, parent, await reads.prediction(project, id));
        if (prediction === null) return [];
        const { topic, partition, offset, positions } = prediction;
        return servedEdges(node, prediction, { topic, partition, offset, positions });
      }
      case "Predictions": {
        const served = servedOf(node);
        return served === null ? [] : servedEdges(node, served, null);
      }
      case "DeploymentRevision": {
        const states = part === null ? [] : await reads.revisions(project, part.id);
        const state = await found(node, parent, states.find(({ revision }) => revision === part?.number) ?? null);
        return state === null ? [] : deploymentEdges(state, await views(project));
      }
      case "ModelVersion": {
        const version = await found(node, parent, await reads.document("modelVersions", project, id));
        return version === null ? [] : modelVersionEdges(version);
      }
      case "TrainingJob": {
        const job = await found(node, parent, await reads.document("trainingJobs", project, id));
        return job === null ? [] : trainingJobEdges(job);
      }
      case "Run": {
        const run = await found(node, parent, await reads.document("runs", project, id));
        return run === null ? [] : runEdges(run, await datasets(project));
      }
      case "LoggedModel": {
        const logged = await found(node, parent, await reads.document("loggedModels", project, id));
        return logged === null ? [] : loggedModelEdges(logged);
      }
      case "FeatureViewVersion": {
        const view = part === null ? null : await reads.document("featureViews", project, part.id);
        const known = await found(
          node,
          parent,
          view?.versions.some(({ version }) => version === part?.number) ? view : null,
        );
        return known === null ? [] : featureViewEdges(known).filter(({ from }) => from.id === id);
      }
      case "DatasetVersion":
      case "EventSource":
      case "Code":
        return [];
    }
  };
};

const predictionsNode = ({ project, endpoint, revision, model, version }: Served): LineageNode => ({
  kind: "Predictions",
  project,
  id: `${endpoint}/${revision}/${model}/${version}`,
});

const servedOf = ({ project, id }: LineageNode): Served | null => {
  const found = /^([^/]+)\/(\d{1,9})\/(.+)\/(\d{1,9})$/.exec(id);
  if (found === null) return null;
  const [, endpoint, revision, model, version] = found;
  return { project, endpoint, revision: Number(revision), model, version: Number(version) };
};

/** Every link of the project's documents, found from its far end. Of runs only those that led to a registered model. */
const downstream = async (reads: LineageReads, project: string): Promise<Next> => {
  const [versions, jobs, views, deployments] = await Promise.all([
    reads.all("modelVersions", project),
    reads.all("trainingJobs", project),
    reads.all("featureViews", project),
    reads.all("deployments", project),
  ]);
  const edges = [
    ...versions.flatMap(modelVersionEdges),
    ...jobs.flatMap(trainingJobEdges),
    ...views.flatMap(featureViewEdges),
  ];
  const named = (kind: LineageNode["kind"]): string[] => [
    ...new Set(edges.filter(({ to }) => to.kind === kind).map(({ to }) => to.id)),
  ];
  for (const id of named("LoggedModel")) {
    const logged = await reads.document("loggedModels", project, id);
    if (logged !== null) edges.push(...loggedModelEdges(logged));
  }
  const byDigest = await datasetsByDigest(reads, project);
  for (const id of named("Run")) {
    const run = await reads.document("runs", project, id);
    if (run !== null) edges.push(...runEdges(run, byDigest));
  }
  for (const { id } of deployments) {
    for (const state of await reads.revisions(project, id)) edges.push(...deploymentEdges(state, views));
  }
  const byOrigin = new Map<string, LineageEdge[]>();
  for (const edge of edges) {
    const key = nodeKey(edge.to);
    byOrigin.set(key, [...(byOrigin.get(key) ?? []), edge]);
  }
  const served = cached((endpoint: string) => reads.served(project, [endpoint]));

  const predictions = async (node: LineageNode, endpoints: readonly string[]): Promise<LineageEdge[]> => {
    const counts = (await Promise.all([...new Set(endpoints)].map(served))).flat();
    return counts
      .flatMap(({ predictions, from, to, ...one }) => servedEdges(predictionsNode(one), one, { predictions, from, to }))
      .filter(({ to }) => nodeKey(to) === nodeKey(node));
  };

  return async (node, parent) => {
    const links = byOrigin.get(nodeKey(node)) ?? [];
    if (node.kind === "ModelVersion") {
      const endpoints = links.filter(({ from }) => from.kind === "DeploymentRevision");
      return [
        ...links,
        ...(await predictions(
          node,
          endpoints.map(({ from }) => numbered(from.id)?.id ?? ""),
        )),
      ];
    }
    // From a version only its own predictions were made, not all of a revision that routed to it.
    if (node.kind === "DeploymentRevision" && parent?.kind !== "ModelVersion") {
      return [...links, ...(await predictions(node, [numbered(node.id)?.id ?? ""]))];
    }
    return links;
  };
};
