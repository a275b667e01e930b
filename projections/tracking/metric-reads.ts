import type { Broker } from "../../infra/broker/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { ask } from "../clickhouse/read/ask.ts";
import { doubleText, numberOf } from "../doubles.ts";
import { isLater } from "./latest.ts";
import type { MetricHistory, MetricPoint } from "./points.ts";
import { noRun } from "./tables.ts";
import { metricTail, type Reached, reachedOfLog } from "./tail.ts";

/** Names of runs in one query: they travel in its address. */
const mostRuns = 200;

type Row = { id: string; key: string; text: string; timestamp: number; step: number; offset: number };

const withoutDashes = noRun.replaceAll("-", "");

/** Next offset by partition of what a metrics table has of a project. */
export const reachedOf = async (warehouse: Warehouse, table: string, project: string): Promise<Reached> => {
  // The searched table is kept by experiment and key first: there the rows of no run have none.
  const rows = await ask<{ partition: number; next: number }>(
    warehouse,
    `SELECT _partition AS partition, max(_offset) + 1 AS next FROM ${table}
     WHERE project = {project:String} AND run = {none:UUID}
       ${table === "latest_metrics" ? "AND experiment = ''" : ""} GROUP BY partition`,
    { project, none: noRun },
  );
  return new Map(rows.map(({ partition, next }) => [partition, next]));
};

/** Up to where every one of several snapshots has each partition. */
const leastReached = (snapshots: readonly (readonly Row[])[]): Reached => {
  const least = new Map<number, number>();
  for (const [i, rows] of snapshots.entries()) {
    const reached = new Map<number, number>();
    for (const { id, key, offset } of rows) {
      if (id === withoutDashes) reached.set(Number(key), Math.max(reached.get(Number(key)) ?? 0, offset + 1));
    }
    if (i === 0) for (const [partition, next] of reached) least.set(partition, next);
    else for (const [partition, next] of least) least.set(partition, Math.min(next, reached.get(partition) ?? 0));
  }
  return least;
};

export const latestMetrics = async (
  { broker, warehouse }: { broker: Broker; warehouse: Warehouse },
  project: string,
  runs: readonly string[],
): Promise<Map<string, MetricPoint[]>> => {
  if (runs.length === 0) return new Map();
  const byRun = new Map<string, Map<string, MetricPoint>>();
  const take = (run: string, point: MetricPoint): void => {
    const points = byRun.get(run) ?? new Map<string, MetricPoint>();
    byRun.set(run, points);
    const known = points.get(point.key);
    if (known === undefined || isLater(point, known)) points.set(point.key, point);
  };
  const chunks = Array.from({ length: Math.ceil(runs.length / mostRuns) }, (_, i) =>
    runs.slice(i * mostRuns, (i + 1) * mostRuns),
  );
  /** With the rows of no run, so that what the table has and how far it is come out of one snapshot. */
  const read = (chunk: readonly string[]): Promise<Row[]> =>
    ask<Row>(
      warehouse,
      `SELECT replaceAll(toString(run), '-', '') AS id, key, toString(value) AS text, timestamp, step, _offset AS offset
       FROM run_metrics WHERE project = {project:String} AND run IN {runs:Array(UUID)}`,
      { project, runs: [noRun, ...chunk] },
    );
  const tables = await Promise.all(chunks.map(read));
  for (const { id, key, text, timestamp, step } of tables.flat()) {
    if (id !== withoutDashes) take(id, { key, value: numberOf(text), timestamp, step });
  }
  const reached = await reachedOfLog(broker, project, leastReached(tables));
  for (const { run, points } of await metricTail(broker, project, runs, reached)) {
    for (const { key, value, timestamp, step } of points) take(run, { key, value, timestamp, step });
  }
  return new Map(
    [...byRun].map(([run, points]) => [run, [...points.values()].sort((a, b) => (a.key < b.key ? -1 : 1))]),
  );
};

/** The order of a history; NaN behind the values of its step. */
const compare = (a: MetricPoint, b: MetricPoint): number =>
  a.timestamp - b.timestamp ||
  a.step - b.step ||
  Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value)) ||
  (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);

const tokenOf = ({ timestamp, step, value }: MetricPoint): string =>
  Buffer.from(JSON.stringify([timestamp, step, String(value)])).toString("base64url");

const placeOf = (token: string): MetricPoint => {
  try {
    const [timestamp, step, value] = JSON.parse(Buffer.from(token, "base64url").toString()) as [number, number, string];
    if (Number.isSafeInteger(timestamp) && Number.isSafeInteger(step) && typeof value === "string") {
      return { key: "", timestamp, step, value: Number(value) };
    }
  } catch (cause) {
    throw new MillraceError("BAD_REQUEST", "page_token: not a token that this list gave; leave it out", { cause });
  }
  throw new MillraceError("BAD_REQUEST", "page_token: not a token that this list gave; leave it out to start");
};

export const metricHistory = async (
  { broker, warehouse }: { broker: Broker; warehouse: Warehouse },
  project: string,
  run: string,
  key: string,
  { first, after }: { first: number; after?: string },
): Promise<MetricHistory> => {
  const place = after === undefined ? null : placeOf(after);
  const reached = await reachedOfLog(broker, project, await reachedOf(warehouse, "metrics", project));
  const behind =
    place === null
      ? ""
      : `AND (timestamp, step) >= ({timestamp:Int64}, {step:Int64}) AND
         (timestamp, step, isNaN(value), if(isNaN(value), 0, value)) >
         ({timestamp:Int64}, {step:Int64}, {isNan:UInt8}, {value:Float64})`;
  const [rows, tail] = await Promise.all([
    ask<Omit<Row, "id" | "key" | "offset">>(
      warehouse,
      `SELECT timestamp, step, toString(value) AS text FROM metrics
       WHERE project = {project:String} AND run = {run:UUID} AND key = {key:String} ${behind}
       GROUP BY timestamp, step, value
       ORDER BY timestamp, step, isNaN(value), value LIMIT ${Math.trunc(first) + 1}`,
      {
        ...{ project, run, key },
        ...(place === null
          ? {}
          : {
              timestamp: place.timestamp,
              step: place.step,
              isNan: Number.isNaN(place.value) ? 1 : 0,
              value: doubleText(Number.isNaN(place.value) ? 0 : place.value),
            }),
      },
    ),
    metricTail(broker, project, [run], reached),
  ]);
  const points = rows.map(({ text, ...row }): MetricPoint => ({ key, ...row, value: numberOf(text) }));
  for (const record of tail) {
    for (const { key: of, value, timestamp, step } of record.points) {
      const point = { key, value, timestamp, step };
      if (of === key && (place === null || compare(point, place) > 0)) points.push(point);
    }
  }
  points.sort(compare);
  const distinct = points.filter((point, i) => i === 0 || compare(points[i - 1], point) !== 0);
  const page = distinct.slice(0, first);
  return { points: page, next: distinct.length > first ? tokenOf(page[page.length - 1]) : null };
};
