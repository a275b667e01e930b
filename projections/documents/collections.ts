import type { StoredEvent } from "../../infra/event-store/port.ts";
import type { Aggregate } from "../../schemas/lifecycle.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { alerts } from "./alerts.ts";
import { deployments } from "./deployments.ts";
import { eventSources } from "./event-sources.ts";
import { featureViews } from "./feature-views.ts";
import { type DocumentFold, lifecycleOf } from "./fold.ts";
import { modelVersions } from "./model-versions.ts";
import { models } from "./models.ts";
import { monitors } from "./monitors.ts";
import { projects } from "./projects.ts";
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
];

const byAggregate = new Map<Aggregate, Projecting[]>();
for (const fold of folds) {
  const known = byAggregate.get(fold.aggregate) ?? [];
  byAggregate.set(fold.aggregate, [...known, fold as unknown as Projecting]);
}

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

/** The documents that an event touches; none for a stream that is not an aggregate's. UNKNOWN_EVENT. */
export const targetsOf = (event: StoredEvent): Target[] => {
  const name = parseStreamName(event.stream);
  if (name === null) return [];
  const lifecycle = lifecycleOf(event);
  const targets: Target[] = [];
  for (const { collection, idOf, project } of byAggregate.get(name.aggregate) as Projecting[]) {
    const id = idOf(name.id, lifecycle);
    if (id !== null) targets.push({ collection, home: homeOf(collection, name.project), id, project });
  }
  return targets;
};
