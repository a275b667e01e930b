import type { StoredEvent } from "../../infra/event-store/port.ts";
import type { Aggregate } from "../../schemas/lifecycle.ts";
import { parseStreamName, streamName } from "../../schemas/lifecycle.ts";
import { alerts } from "./alerts.ts";
import { datasets, datasetVersions } from "./datasets.ts";
import { deployments } from "./deployments.ts";
import { eventSources } from "./event-sources.ts";
import { experiments } from "./experiments.ts";
import { featureViews } from "./feature-views.ts";
import { type DocumentFold, lifecycleOf } from "./fold.ts";
import { loggedModels } from "./logged-models.ts";
import { modelVersions } from "./model-versions.ts";
import { models } from "./models.ts";
import { monitors } from "./monitors.ts";
import { policies } from "./policies.ts";
import { projects } from "./projects.ts";
import { runs } from "./runs.ts";
import { trainingJobs } from "./training-jobs.ts";
import type { CollectionName, DocumentBase } from "./types.ts";

type AnyFold = { [C in CollectionName]: DocumentFold<C> }[CollectionName];

/** A fold whose collection is not known to the compiler; its documents come from the same fold. */
type Projecting = {
  collection: CollectionName;
  idOf: DocumentFold["idOf"];
  project(document: DocumentBase | null, event: StoredEvent): DocumentBase | null;
};

const folds: readonly AnyFold[] = [
  projects,
  eventSources,
  featureViews,
  models,
  modelVersions,
  deployments,
  monitors,
  alerts,
  trainingJobs,
  experiments,
  runs,
  loggedModels,
  datasets,
  datasetVersions,
  policies,
];

const byAggregate = new Map<Aggregate, Projecting[]>();
for (const fold of folds) {
  const known = byAggregate.get(fold.aggregate) ?? [];
  byAggregate.set(fold.aggregate, [...known, fold as unknown as Projecting]);
}

/**
 * The stream whose events make a document. The documents of a part of an aggregate, such as a model's versions, are
 * named `<aggregate's id>/<part>`.
 */
export const streamOfDocument = (collection: CollectionName, project: string, id: string): string => {
  const fold = folds.find((one) => one.collection === collection) as AnyFold;
  const isPart = fold.idOf !== undefined;
  return streamName(fold.aggregate, project, isPart ? id.slice(0, Math.max(0, id.lastIndexOf("/"))) : id);
};

/** All projects stand in one list; every other collection has one a project. */
export const homeOf = (collection: CollectionName, project: string): string =>
  collection === "projects" ? "*" : project;

/** A document that an event touches. */
export type Target = {
  collection: CollectionName;
  /** `homeOf` the project. */
  home: string;
  id: string;
  project(document: DocumentBase | null, event: StoredEvent): DocumentBase | null;
};

/** What the events of one stream touch. */
type StreamTargets = (event: StoredEvent) => readonly Target[];

const none: readonly Target[] = [];

/**
 * The documents that events touch; none for a stream that is not an aggregate's. UNKNOWN_EVENT. It remembers the
 * streams that it met, so keep one for a batch: equal targets of one resolver are the same object.
 */
export const targetResolver = (): StreamTargets => {
  const byStream = new Map<string, StreamTargets>();
  return (event) => {
    const known = byStream.get(event.stream);
    if (known !== undefined) return known(event);
    const targets = targetsOfStream(event.stream);
    byStream.set(event.stream, targets);
    return targets(event);
  };
};

const targetsOfStream = (stream: string): StreamTargets => {
  const name = parseStreamName(stream);
  if (name === null) return () => none;
  const made = new Map<string, Target>();
  const projecting = byAggregate.get(name.aggregate) as Projecting[];
  const targetOf = ({ collection, project }: Projecting, id: string): Target => {
    const key = `${collection}:${id}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const target = { collection, home: homeOf(collection, name.project), id, project };
    made.set(key, target);
    return target;
  };
  const [first, second] = projecting;
  if (second === undefined && first.idOf === undefined) {
    const only = [targetOf(first, name.id)];
    return () => only;
  }
  return (event) => {
    const lifecycle = lifecycleOf(event);
    const targets: Target[] = [];
    for (const one of projecting) {
      const id = one.idOf === undefined ? name.id : one.idOf(name.id, lifecycle);
      for (const each of id === null ? [] : typeof id === "string" ? [id] : id) targets.push(targetOf(one, each));
    }
    return targets;
  };
};
