import { replay } from "../../infra/broker/journal.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { viewState } from "../../ml/features/state.ts";
import type { ViewPlan } from "../../ml/features/view.ts";
import { foldInto } from "../features/fold.ts";
import type { PredictionLookup } from "../predictions/encode.ts";
import type { SchemaCache } from "../runtime/input.ts";
import type { Application } from "../topology.ts";

/** A looked-up state to compute again: what the view said of an entity once a journal entry was committed. */
export type WantedLookup = PredictionLookup & { plan: ViewPlan; entity: string; time: number; values: Float64Array };

/** Fills in `values` of every look-up by folding the re-keyed applications up to the journal entries named. */
export const recomputeLookups = async (
  broker: Broker,
  schemas: SchemaCache,
  applications: readonly Application[],
  wanted: readonly WantedLookup[],
): Promise<void> => {
  const groups = new Map<string, WantedLookup[]>();
  for (const lookup of wanted) {
    lookup.values.fill(Number.NaN);
    if (lookup.offset < 0) continue;
    const key = `${lookup.view}/${lookup.partition}`;
    groups.set(key, [...(groups.get(key) ?? []), lookup]);
  }
  for (const group of groups.values()) {
    const { plan, partition } = group[0];
    const application = applications.find((one) => one.rekeyed && one.views.some(({ view }) => view === plan.view));
    if (application === undefined) continue;
    const due = group.sort((a, b) => a.offset - b.offset);
    const state = viewState(plan);
    const fold = foldInto(application, schemas, [state]);
    let next = 0;
    await replay(
      broker,
      {
        application: application.id,
        partition,
        onEntry: (offset) => {
          for (; next < due.length && due[next].offset <= offset; next++) {
            state.read(due[next].entity, due[next].time, due[next].values, 0);
          }
        },
      },
      fold,
    );
  }
};
