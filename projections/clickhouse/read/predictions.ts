import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { ask, conditions, within } from "./ask.ts";
import { type PageOptions, paging, type WarehousePage } from "./page.ts";

/** A prediction as it was served, with its outcome once that is known. Times are UTC milliseconds. */
export type PredictionRow = {
  project: string;
  id: string;
  endpoint: string;
  revision: number;
  model: string;
  version: number;
  variant: string;
  share: number;
  entity: string;
  key: string;
  eventTime: number;
  topic: string;
  partition: number;
  offset: number;
  positions: number[];
  lookups: { view: string; partition: number; offset: number }[];
  /** Float32 values, bit for bit; NaN where a feature was missing. */
  features: number[];
  output: number;
  servedAt: number;
  latencyMs: number;
  runtime: string;
  outcome: number | null;
  outcomeAt: number | null;
};

export type PredictionFilter = {
  endpoint: string;
  /** Event time, from inclusive, to exclusive. */
  from?: number;
  to?: number;
  entity?: string;
  model?: string;
  version?: number;
  variant?: string;
  key?: string;
};

/** As the table gives it: NaN is null in JSON, and where the record lies in its topic. */
type Stored = Omit<PredictionRow, "features" | "outcome" | "outcomeAt"> & {
  features: (number | null)[];
  recordPartition: number;
  recordOffset: number;
};

const fields = `project, id, endpoint, revision, model, version, variant, share, entity, key,
  toUnixTimestamp64Milli(event_time) AS eventTime, topic, partition, offset, positions, lookups, features, output,
  toUnixTimestamp64Milli(served_at) AS servedAt, latency_ms AS latencyMs, runtime,
  _partition AS recordPartition, _offset AS recordOffset`;

/** `<endpoint>-<partition>-<offset>`, and `-<model>.<version>` of a shadow; null for what is no such id. */
export const parsePredictionId = (id: string): { endpoint: string; partition: number; offset: number } | null => {
  const match = /^(.+?)-(\d{1,9})-(\d{1,15})(?:-.+\.\d+)?$/.exec(id);
  return match === null ? null : { endpoint: match[1], partition: Number(match[2]), offset: Number(match[3]) };
};

const withOutcomes = async (warehouse: Warehouse, project: string, stored: Stored[]): Promise<PredictionRow[]> => {
  if (stored.length === 0) return [];
  // Arrays zipped in SQL: a parameter cannot hold tuples of the client's numbers.
  const found = await ask<{ partition: number; offset: number; outcome: number; outcomeAt: number }>(
    warehouse,
    `SELECT _partition AS partition, prediction_offset AS offset, outcome,
       toUnixTimestamp64Milli(outcome_at) AS outcomeAt
     FROM outcomes
     WHERE project = {project:String} AND endpoint = {endpoint:String}
       AND _partition IN {partitions:Array(Int32)} AND prediction_offset IN {offsets:Array(Int64)}`,
    {
      project,
      endpoint: stored[0].endpoint,
      partitions: [...new Set(stored.map((row) => row.recordPartition))],
      offsets: stored.map((row) => row.recordOffset),
    },
  );
  const byPlace = new Map(found.map((row) => [`${row.partition}/${row.offset}`, row]));
  return stored.map(({ recordPartition, recordOffset, features, ...row }) => {
    const met = byPlace.get(`${recordPartition}/${recordOffset}`);
    return {
      ...row,
      // JSON carries the shortest decimals of a float: rounding to float32 gives back its bits.
      features: features.map((value) => (value === null ? Number.NaN : Math.fround(value))),
      outcome: met?.outcome ?? null,
      outcomeAt: met?.outcomeAt ?? null,
    };
  });
};

export const predictionReads = (warehouse: Warehouse) => ({
  /** Null where there is no such prediction (or not yet). The id's parts are the table's key. */
  async predictionById(project: string, id: string): Promise<PredictionRow | null> {
    const place = parsePredictionId(id);
    if (place === null) return null;
    const stored = await ask<Stored>(
      warehouse,
      `SELECT ${fields} FROM predictions
       WHERE project = {project:String} AND endpoint = {endpoint:String} AND partition = {partition:Int32}
         AND offset = {offset:Int64} AND id = {id:String} LIMIT 1`,
      { project, id, ...place },
    );
    return (await withOutcomes(warehouse, project, stored))[0] ?? null;
  },

  /** In the order of event time. BAD_REQUEST for a foreign cursor. */
  async predictions(project: string, options: PredictionFilter & PageOptions): Promise<WarehousePage<PredictionRow>> {
    const pages = paging<PredictionRow>(options, [
      { sql: "toUnixTimestamp64Milli(event_time)", type: "Int64", of: (row) => row.eventTime },
      { sql: "partition", type: "Int32", of: (row) => row.partition },
      { sql: "offset", type: "Int64", of: (row) => row.offset },
      { sql: "id", type: "String", of: (row) => row.id },
    ]);
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("endpoint = {endpoint:String}", "endpoint", options.endpoint)
      .add("entity = {entity:String}", "entity", options.entity)
      .add("model = {model:String}", "model", options.model)
      .add("version = {version:Int32}", "version", options.version)
      .add("variant = {variant:String}", "variant", options.variant)
      .add("key = {key:String}", "key", options.key);
    within(these, "event_time", options);
    const stored = await ask<Stored>(
      warehouse,
      `SELECT ${fields} FROM predictions WHERE ${these.sql} AND ${pages.where.sql} ${pages.order}`,
      { ...these.parameters, ...pages.where.parameters },
    );
    return pages.page(await withOutcomes(warehouse, project, stored));
  },
});
