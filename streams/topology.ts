import { isLocal, planView, type SourceInfo, type ViewPlan } from "../ml/features/view.ts";
import { eventTimeOf } from "../schemas/event-time.ts";
import { applicationOf, topicOf } from "../schemas/topics.ts";
import type { Catalog, CatalogDeployment, CatalogMonitor, CatalogSource, CatalogView } from "./catalog.ts";

/** One input of an application: a topic, the event source whose schema its records have, and what their key must be. */
export type Input = {
  topic: string;
  source: CatalogSource;
  keyOf: (event: Record<string, unknown>) => string;
  /** Event time, UTC milliseconds. */
  timeOf: (event: Record<string, unknown>) => number;
};

/** A view that is not local to an application: its events go through a topic keyed by the entity. */
export type Rekey = { topic: string; partitions: number; plan: ViewPlan };

/** What the tasks of one application do. `inputs` are sorted by topic: the order of a prediction's positions. */
export type Application = {
  id: string;
  project: string;
  partitions: number;
  inputs: Input[];
  views: ViewPlan[];
  rekeys: Rekey[];
  deployments: CatalogDeployment[];
  monitors: CatalogMonitor[];
  /** Whether its inputs are re-keyed topics: its changelog then says which journal entry a blob reflects. */
  rekeyed: boolean;
  /** All plans of the project by view id: local ones and those that are looked up. */
  plans: ReadonlyMap<string, ViewPlan>;
  /** Partitions of the re-keyed topics of the views that are looked up, by view id. */
  lookupPartitions: Map<string, number>;
};

export const sourceInfo = (source: CatalogSource): SourceInfo => ({
  name: source.id,
  topic: source.topic,
  schema: source.schema,
  key: source.key,
  timestamp: source.timestamp,
});

/** The topics that hold the feature state of a catalog's applications. */
export const changelogsOf = (catalog: Catalog): string[] =>
  planTopology(catalog).map(({ id }) => topicOf.changelog(id));

/**
 * The applications that a catalog asks for. Sources of a project that share key and partition count form one
 * application; a view whose entity does not contain the key gets an application of its own behind a re-keyed topic.
 */
export const planTopology = (catalog: Catalog): Application[] => {
  const applications = new Map<string, Application>();
  for (const source of catalog.sources.values()) {
    const id = applicationOf(source.project, source);
    const application = applications.get(id) ?? emptyApplication(id, source.project, source.partitions);
    applications.set(id, application);
    application.inputs.push({
      topic: source.topic,
      source,
      keyOf: (event) => String(event[source.key]),
      timeOf: eventTimeOf(source.schema, source.timestamp),
    });
  }
  const homes = [...applications.values()];
  for (const application of homes) application.inputs.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  for (const view of catalog.views.values()) placeView(view, catalog, homes, applications);
  for (const deployment of catalog.deployments.values()) {
    const trigger = catalog.sources.get(`${deployment.project}/${deployment.trigger}`);
    if (trigger === undefined) continue;
    const application = applications.get(applicationOf(deployment.project, trigger));
    application?.deployments.push(deployment);
  }
  for (const monitor of catalog.monitors.values()) {
    for (const application of homes) {
      const watched = application.deployments.some(
        (deployment) => deployment.project === monitor.project && deployment.id === monitor.definition.deployment,
      );
      if (watched) application.monitors.push(monitor);
    }
  }
  return [...applications.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
};

const emptyApplication = (id: string, project: string, partitions: number): Application => ({
  id,
  project,
  partitions,
  inputs: [],
  views: [],
  rekeys: [],
  deployments: [],
  monitors: [],
  rekeyed: false,
  plans: new Map(),
  lookupPartitions: new Map(),
});

const placeView = (
  view: CatalogView,
  catalog: Catalog,
  homes: readonly Application[],
  applications: Map<string, Application>,
): void => {
  const names = new Set(view.definition.features.map((feature) => feature.source));
  const sources = [...names]
    .map((name) => catalog.sources.get(`${view.project}/${name}`))
    .filter((source) => source !== undefined);
  if (sources.length < names.size) return; // one of its sources has been archived
  const infos = sources.map(sourceInfo);
  const plan = planView(view.id, view.version, view.definition, infos);
  for (const application of homes) {
    if (application.project === view.project) (application.plans as Map<string, ViewPlan>).set(view.id, plan);
  }
  const home = new Set(sources.map((source) => applicationOf(view.project, source)));
  if (home.size === 1 && isLocal(plan, infos)) {
    applications.get([...home][0])?.views.push(plan);
    return;
  }
  const topic = topicOf.rekey(view.project, view.id);
  const partitions = Math.max(...sources.map((source) => source.partitions));
  for (const id of home) applications.get(id)?.rekeys.push({ topic, partitions, plan });
  for (const application of homes) application.lookupPartitions.set(view.id, partitions);
  const rekeyed = emptyApplication(topic, view.project, partitions);
  rekeyed.rekeyed = true;
  rekeyed.views.push(plan);
  for (const source of sources) {
    const timeOf = eventTimeOf(source.schema, source.timestamp);
    rekeyed.inputs.push({ topic: `${topic}.${source.id}`, source, keyOf: plan.entityOf, timeOf });
  }
  rekeyed.inputs.sort((a, b) => (a.topic < b.topic ? -1 : 1));
  (rekeyed.plans as Map<string, ViewPlan>).set(view.id, plan);
  applications.set(topic, rekeyed);
};
