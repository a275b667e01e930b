import type { Broker } from "../../infra/broker/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { ask } from "../clickhouse/read/ask.ts";
import { doubleText, numberOf } from "../doubles.ts";
import { reachedOf } from "./metric-reads.ts";
import type { ModelMetric } from "./points.ts";
import { metricTail, reachedOfLog } from "./tail.ts";

type Row = {
  model: string;
  id: string;
  key: string;
  text: string;
  timestamp: number;
  step: number;
  dataset: string;
  digest: string;
};

/** Ids of models in one query: they travel in its address. */
const mostModels = 200;

const metricOf = ({ id, text, dataset, digest, ...row }: Row): ModelMetric => ({
  ...row,
  run: id,
  value: numberOf(text),
  dataset: dataset === "" ? null : { name: dataset, digest },
});

const order = (a: string | number, b: string | number): number => (a === b ? 0 : a < b ? -1 : 1);

const compare = (a: ModelMetric, b: ModelMetric): number =>
  order(a.key, b.key) || order(a.timestamp, b.timestamp) || order(a.step, b.step) || order(a.run, b.run);

/** The points that runs have measured of these models, of these keys or of all; by key, timestamp, step and run. */
export const modelMetrics = async (
  { broker, warehouse }: { broker: Broker; warehouse: Warehouse },
  project: string,
  models: readonly string[],
  keys: readonly string[] | null = null,
): Promise<Map<string, ModelMetric[]>> => {
  if (models.length === 0) return new Map();
  // Asked before the rows: what comes in between is then read twice rather than not at all.
  const reached = await reachedOfLog(broker, project, await reachedOf(warehouse, "metrics", project));
  const chunks = Array.from({ length: Math.ceil(models.length / mostModels) }, (_, i) =>
    models.slice(i * mostModels, (i + 1) * mostModels),
  );
  const read = (chunk: readonly string[]): Promise<Row[]> =>
    ask<Row>(
      warehouse,
      `SELECT model, replaceAll(toString(run), '-', '') AS id, key, toString(value) AS text, timestamp, step, dataset, digest
       FROM metrics WHERE project = {project:String} AND model IN {models:Array(String)}
       ${keys === null ? "" : "AND key IN {keys:Array(String)}"}`,
      { project, models: chunk, ...(keys === null ? {} : { keys }) },
    );
  const [rows, tail] = await Promise.all([Promise.all(chunks.map(read)), metricTail(broker, project, null, reached)]);
  const wanted = new Set(models);
  const wantedKeys = keys === null ? null : new Set(keys);
  const byModel = new Map<string, Map<string, ModelMetric>>();
  const take = (row: Row): void => {
    const points = byModel.get(row.model) ?? new Map<string, ModelMetric>();
    byModel.set(row.model, points);
    const metric = metricOf(row);
    const { run, key, value, timestamp, step, dataset } = metric;
    points.set(JSON.stringify([run, key, String(value), timestamp, step, dataset]), metric);
  };
  for (const row of rows.flat()) take(row);
  for (const { run, points } of tail) {
    for (const { value, ...point } of points) {
      if (!wanted.has(point.model) || wantedKeys?.has(point.key) === false) continue;
      take({ ...point, id: run, text: doubleText(value) });
    }
  }
  return new Map([...byModel].map(([model, points]) => [model, [...points.values()].sort(compare)]));
};
