import { setTimeout as pause } from "node:timers/promises";
import type { Broker } from "../../infra/broker/port.ts";
import { comparePositions, type EventStore, type Position, START } from "../../infra/event-store/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { topicOf } from "../../schemas/topics.ts";
import { ask } from "../clickhouse/read/ask.ts";
import { reachedOf } from "./metric-reads.ts";
import { noRun } from "./tables.ts";
import { metricTail, type Reached } from "./tail.ts";

const pollMs = 20;
/** More records than this between a table and its log are a table that is behind, whatever they hold. */
const shortTail = 1_000;

type ReadyOptions = {
  broker: Broker;
  eventStore: Pick<EventStore, "head" | "readAll">;
  warehouse: Warehouse;
  waitMs: number;
};

/** The ends of the logs that a search must reflect: of what had been answered, by whichever process, when it came. */
type Wanted = { offsets: Reached; position: Position };

/**
 * Resolves when the tables of search have all that was written of a project before the call, by whichever process.
 * PROJECTION_BEHIND where they do not within `waitMs`: an old list is never taken for the present one.
 */
export const searchReady = ({ broker, eventStore, warehouse, waitMs }: ReadyOptions) => {
  /** What the tables had when they were last asked. */
  const had = new Map<string, Wanted>();

  const wantedOf = async (project: string): Promise<Wanted> => {
    const topic = topicOf.metrics(project);
    const position = await eventStore.head();
    if ((await broker.topic(topic)) === null) return { offsets: new Map(), position };
    const ends = (await broker.watermarks(topic)).map(({ low, high }, partition) => [partition, low, high] as const);
    return {
      offsets: new Map(ends.flatMap(([partition, low, high]) => (low < high ? [[partition, high] as const] : []))),
      position,
    };
  };
  const refresh = async (project: string): Promise<Wanted> => {
    const [offsets, [row]] = await Promise.all([
      reachedOf(warehouse, "latest_metrics", project),
      ask<{ newest: string }>(
        warehouse,
        `SELECT toString(max(position)) AS newest FROM run_fields
         WHERE project = '' AND experiment = '' AND field = '' AND run = {none:UUID}`,
        { none: noRun },
      ),
    ]);
    const now = { offsets, position: row.newest };
    had.set(project, now);
    return now;
  };

  const missing = ({ offsets }: Wanted, { offsets: has }: Wanted): number =>
    [...offsets].reduce((sum, [partition, high]) => sum + Math.max(0, high - (has.get(partition) ?? 0)), 0);

  /** Events of other aggregates, and those that cannot be read, are in no row. */
  const lacksRuns = async (project: string, wanted: Wanted, has: Wanted): Promise<boolean> => {
    if (comparePositions(has.position, wanted.position) >= 0) return false;
    const between = { after: has.position, prefixes: [`run-${project}/`], limit: 1 };
    for await (const { position } of eventStore.readAll(between)) {
      return comparePositions(position, wanted.position) <= 0;
    }
    return false;
  };
  /** A record that cannot be decoded, and the mark of a commit, are in no row. */
  const lacksPoints = async (project: string, wanted: Wanted, has: Wanted): Promise<boolean> => {
    const records = missing(wanted, has);
    if (records === 0) return false;
    return records > shortTail || (await metricTail(broker, project, null, has.offsets)).length > 0;
  };
  const lacks = async (project: string, wanted: Wanted, has: Wanted): Promise<boolean> => {
    if ((await lacksRuns(project, wanted, has)) || (await lacksPoints(project, wanted, has))) return true;
    had.set(project, wanted);
    return false;
  };

  return async (project: string): Promise<void> => {
    const wanted = await wantedOf(project);
    const isReached = (has: Wanted): boolean =>
      missing(wanted, has) === 0 && comparePositions(has.position, wanted.position) >= 0;
    if (isReached(had.get(project) ?? { offsets: new Map(), position: START })) return;
    const until = performance.now() + waitMs;
    for (let tries = 0; ; tries++) {
      const has = await refresh(project);
      if (isReached(has)) return;
      const isLast = performance.now() >= until;
      if ((tries === 0 || isLast) && !(await lacks(project, wanted, has))) return;
      if (isLast) {
        throw new MillraceError(
          "PROJECTION_BEHIND",
          `the tables of search have not caught up within ${waitMs} ms with what was logged before; ask again`,
        );
      }
      await pause(pollMs);
    }
  };
};
