import type { ViewPlan } from "../ml/features/view.ts";
import type { CatalogFollower } from "./catalog.ts";
import { planTopology } from "./topology.ts";

/** Plans of the feature views as the catalog has them now, for readers of their state. */
export const viewCatalog = (catalog: CatalogFollower) => {
  let seen = -1;
  let plans = new Map<string, { plan: ViewPlan; rekeyed: boolean }>();
  const find = (project: string, view: string) => {
    if (catalog.revision() !== seen) {
      seen = catalog.revision();
      plans = new Map();
      for (const application of planTopology(catalog.current())) {
        for (const plan of application.views) {
          plans.set(`${application.project}/${plan.view}`, { plan, rekeyed: application.rekeyed });
        }
      }
    }
    return plans.get(`${project}/${view}`);
  };
  return {
    /** null where there is no such view. */
    plan: (project: string, view: string): ViewPlan | null => find(project, view)?.plan ?? null,
    /** A re-keyed view's stored state ends in the offset of its journal entry. */
    trailerBytes: (project: string, view: string): number => (find(project, view)?.rekeyed ? 8 : 0),
  };
};
