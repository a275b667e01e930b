import type { ViewState } from "../../ml/features/state.ts";
import type { TileStore } from "../drift/tiles.ts";
import type { StreamsMetrics } from "./metrics.ts";

/** Why an event feeds no feature: too far ahead of the clock; later than its entity's view allows; without a key. */
export type DropCause = "ahead" | "late" | "keyless";

/** Counts dropped events by cause: in a metric, and by hour of the task's event time in tiles of the kind `dropped`. */
export type Dropped = {
  /** A record of an event source, which became a dead letter. */
  ahead(source: string): void;
  /** Counts what the views have left out since the last call, with the hour that the task is in (UTC ms). */
  count(time: number): void;
};

export type DroppedOptions = {
  project: string;
  views: readonly ViewState[];
  tiles: TileStore;
  metrics: Pick<StreamsMetrics, "dropped">;
};

const noValues = { columns: [], bins: [], width: 0, empty: () => new Float64Array(0) };

export const droppedEvents = ({ project, views, tiles, metrics }: DroppedOptions): Dropped => {
  const ahead = new Map<string, number>();
  const seen = views.map(({ left }) => ({ ...left }));

  const add = (name: string, cause: DropCause, version: number, events: number, time: number): void => {
    metrics.dropped.inc({ name: `${project}/${name}`, cause }, events);
    const tile = tiles.tile("dropped", name, cause, version, time, noValues);
    if (tile !== null) tile.rows += events;
  };

  return {
    ahead: (source) => {
      ahead.set(source, (ahead.get(source) ?? 0) + 1);
    },
    count: (time) => {
      for (const [source, events] of ahead) add(source, "ahead", 0, events, time);
      ahead.clear();
      for (let i = 0; i < views.length; i++) {
        const { plan, left } = views[i];
        const counted = seen[i];
        for (const cause of ["late", "keyless"] as const) {
          const events = left[cause] - counted[cause];
          if (events > 0) add(plan.view, cause, plan.version, events, time);
          counted[cause] = left[cause];
        }
      }
    },
  };
};
