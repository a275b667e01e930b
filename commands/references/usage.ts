import type { FeatureViewDefinition } from "../../schemas/lifecycle/feature-view.ts";
import type { ModelRef } from "../../schemas/lifecycle/model.ts";
import type { Aggregate } from "../../schemas/lifecycle.ts";
import { featureOf, viewsOf } from "../deployment/columns.ts";
import { type Deployment, deployment } from "../deployment/decider.ts";
import { featureView } from "../feature-view/decider.ts";
import { refused } from "../refusals.ts";
import type { Snapshot } from "./platform-state.ts";

export const activeDeployments = (snapshot: Snapshot, project: string): { id: string; state: Deployment }[] =>
  snapshot.all(deployment, project).filter(({ state }) => state.status === "active");

const deploymentsWhere = (snapshot: Snapshot, project: string, uses: (state: Deployment) => boolean): string[] =>
  activeDeployments(snapshot, project)
    .filter(({ state }) => uses(state))
    .map(({ id }) => `deployment "${id}"`);

/** Active feature views that a source feeds. */
export const viewsFedBy = (snapshot: Snapshot, project: string, source: string) =>
  snapshot
    .all(featureView, project)
    .filter(({ state }) => state.status === "active")
    .filter(({ state }) => state.definition.features.some((feature) => feature.source === source));

type What = { aggregate: Aggregate; id: string } | ModelRef;

const usersOf = (snapshot: Snapshot, project: string, what: What): string[] => {
  if ("model" in what) {
    return deploymentsWhere(snapshot, project, ({ definition }) =>
      definition.split.some(({ model, version }) => model === what.model && version === what.version),
    );
  }
  const { aggregate, id } = what;
  switch (aggregate) {
    case "event-source":
      return [
        ...viewsFedBy(snapshot, project, id).map((view) => `feature view "${view.id}"`),
        ...deploymentsWhere(
          snapshot,
          project,
          ({ definition: { trigger, outcome } }) => trigger === id || outcome?.source === id,
        ),
      ];
    case "feature-view":
      return deploymentsWhere(snapshot, project, ({ definition }) => viewsOf(definition.columns).includes(id));
    case "model":
      return deploymentsWhere(snapshot, project, ({ definition }) =>
        definition.split.some(({ model }) => model === id),
      );
    default:
      return [];
  }
};

/** ILLEGAL_STATE, naming the users, when something active depends on it. */
export const checkUnused = (snapshot: Snapshot, project: string, what: What): void => {
  const users = usersOf(snapshot, project, what);
  if (users.length === 0) return;
  const name = "model" in what ? `version ${what.model}/${what.version}` : `${what.aggregate} "${what.id}"`;
  throw refused(`${name} is in use by ${users.join(", ")}; stop or change that first`);
};

/** ILLEGAL_STATE when an active deployment reads a feature of the view that the new definition no longer has. */
export const checkFeaturesStay = (
  snapshot: Snapshot,
  project: string,
  view: string,
  definition: FeatureViewDefinition,
): void => {
  const kept = new Set(definition.features.map((feature) => feature.name));
  for (const { id, state } of activeDeployments(snapshot, project)) {
    const lost = state.definition.columns
      .map(featureOf)
      .filter((read) => read !== null && read.view === view && !kept.has(read.feature))
      .map((read) => read?.feature);
    if (lost.length > 0) {
      throw refused(
        `deployment "${id}" reads ${lost.join(", ")} of feature view "${view}"; keep it, or stop that first`,
      );
    }
  }
};
