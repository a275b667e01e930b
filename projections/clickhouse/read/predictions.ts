import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { numberOf } from "../../doubles.ts";
import type { ServedCount } from "../../lineage/graph.ts";
import { ask, conditions, withDenormals, within } from "./ask.ts";
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
  late: boolean;
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

export type Outcome = { outcome: number; outcomeAt: number };

/** As the table gives it: text where JSON does not hold a float, and where the record lies in its topic. */
type Stored = Omit<PredictionRow, "features" | "output" | "outcome" | "outcomeAt"> & {
  features: (number | string)[];
  output: number | string;
  recordPartition: number;
  recordOffset: number;
};

const fields = `project, id, endpoint, revision, model, version, variant, share, entity, key,
  toUnixTimestamp64Milli(event_time) AS eventTime, topic, partition, offset, positions, lookups, features, output,
  toUnixTimestamp64Milli(served_at) AS servedAt, latency_ms AS latencyMs, runtime, late,
  _partition AS recordPartition, _offset AS recordOffset`;

export type PredictionPlace = { endpoint: string; partition: number; offset: number };

/**
 * What an id `<endpoint>-<partition>-<offset>`, with `-<model>.<version>` for a shadow, may say; nothing for what is no
 * such id. Only a shadow's can be read in several ways, where names of endpoints end in numbers or models' begin so.
 */
export const predictionPlaces = (id: string): PredictionPlace[] => {
  const places: PredictionPlace[] = [];
  const parts = id.split("-");
  for (let at = 1; at + 1 < parts.length; at++) {
    const [partition, offset] = [parts[at], parts[at + 1]];
    const rest = parts.slice(at + 2).join("-");
    if (!/^\d{1,9}$/.test(partition) || !/^\d{1,15}$/.test(offset)) continue;
    if (at + 2 < parts.length && !/^.+\.\d+$/.test(rest)) continue;
    const endpoint = parts.slice(0, at).join("-");
    if (endpoint !== "") places.push({ endpoint, partition: Number(partition), offset: Number(offset) });
  }
  return places;
};

const withOutcomes = async (warehouse: Warehouse, project: string, stored: Stored[]): Promise<PredictionRow[]> => {
  if (stored.length === 0) return [];
  // Arrays zipped in SQL: a parameter cannot hold tuples of the client's numbers.
  const found = await ask<{ partition: number; offset: number; outcome: number | string; outcomeAt: number }>(
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
    withDenormals,
  );
  const byPlace = new Map(found.map((row) => [`${row.partition}/${row.offset}`, row]));
  return stored.map(({ recordPartition, recordOffset, features, output, ...row }) => {
    const met = byPlace.get(`${recordPartition}/${recordOffset}`);
    return {
      ...row,
      // JSON carries the shortest decimals of a float: rounding to float32 gives back its bits.
      features: features.map((value) => Math.fround(numberOf(value))),
      output: numberOf(output),
      outcome: met === undefined ? null : numberOf(met.outcome),
      outcomeAt: met?.outcomeAt ?? null,
    };
  });
};

/** A read of one row is over before a second thread has begun. */
const oneThread = "SETTINGS max_threads = 1";

export const predictionReads = (warehouse: Warehouse) => ({
  /** Null where there is no such prediction (or not yet). The id's parts are the table's key. */
  async predictionById(project: string, id: string): Promise<PredictionRow | null> {
    for (const place of predictionPlaces(id)) {
      const stored = await ask<Stored>(
        warehouse,
        `SELECT ${fields} FROM predictions
         WHERE project = {project:String} AND endpoint = {endpoint:String} AND partition = {partition:Int32}
           AND offset = {offset:Int64} AND id = {id:String} LIMIT 1 ${oneThread}`,
        { project, id, ...place },
        withDenormals,
      );
      const [found] = await withOutcomes(warehouse, project, stored);
      if (found !== undefined) return found;
    }
    return null;
  },

  /** Of the prediction at this place of its topic; null as long as none has come. The place is the table's key. */
  async outcomeOf(
    project: string,
    place: { endpoint: string; partition: number; predictionOffset: number },
  ): Promise<Outcome | null> {
    const [found] = await ask<{ outcome: number | string; outcomeAt: number }>(
      warehouse,
      `SELECT outcome, toUnixTimestamp64Milli(outcome_at) AS outcomeAt FROM outcomes
       WHERE project = {project:String} AND endpoint = {endpoint:String} AND _partition = {partition:Int32}
         AND prediction_offset = {predictionOffset:Int64} LIMIT 1 ${oneThread}`,
      { project, ...place },
      withDenormals,
    );
    return found === undefined ? null : { ...found, outcome: numberOf(found.outcome) };
  },

  /** How many predictions endpoints made, by deployment revision and version; event times. */
  async servedCounts(project: string, endpoints: readonly string[]): Promise<Omit<ServedCount, "project">[]> {
    return ask(
      warehouse,
      `SELECT endpoint, revision, model, version, count() AS predictions,
         toUnixTimestamp64Milli(min(event_time)) AS \`from\`, toUnixTimestamp64Milli(max(event_time)) AS \`to\`
       FROM predictions WHERE project = {project:String} AND endpoint IN {endpoints:Array(String)}
       GROUP BY endpoint, revision, model, version ORDER BY endpoint, revision, model, version`,
      { project, endpoints },
    );
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
      withDenormals,
    );
    return pages.page(await withOutcomes(warehouse, project, stored));
  },
});
