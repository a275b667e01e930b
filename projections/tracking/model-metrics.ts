import type { Broker } from "../../infra/broker/port.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { ask } from "../clickhouse/read/ask.ts";
import { doubleText, numberOf } from "../doubles.ts";
import { isLater } from "./latest.ts";
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

const compare = (a: ModelMetric, b: ModelMetric): number => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1);

/** The latest point of each metric, dataset and run that measured one of these models. */
export const modelMetrics = async (
  { broker, warehouse }: { broker: Broker; warehouse: Warehouse },
  project: string,
  models: readonly string[],
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
       ORDER BY timestamp DESC, isNaN(value), value DESC LIMIT 1 BY model, run, key, dataset, digest`,
      { project, models: chunk },
    );
  const [rows, tail] = await Promise.all([Promise.all(chunks.map(read)), metricTail(broker, project, null, reached)]);
  const wanted = new Set(models);
  const latest = new Map<string, ModelMetric>();
  const take = (metric: ModelMetric): void => {
    const { model, run, key, dataset } = metric;
    const identity = JSON.stringify([model, run, key, dataset]);
    const known = latest.get(identity);
    if (known === undefined || isLater(metric, known)) latest.set(identity, metric);
  };
  for (const row of rows.flat()) take(metricOf(row));
  for (const { run, points } of tail) {
    for (const { value, ...point } of points) {
      if (wanted.has(point.model)) take(metricOf({ ...point, id: run, text: doubleText(value) }));
    }
  }
  const byModel = new Map<string, ModelMetric[]>();
  for (const metric of [...latest.values()].sort(compare)) {
    byModel.set(metric.model, [...(byModel.get(metric.model) ?? []), metric]);
  }
  return byModel;
};
