import type { Warehouse } from "../../infra/warehouse/open.ts";
import { ask, type Parameters } from "../clickhouse/read/ask.ts";
import { doubleText, numberOf } from "../doubles.ts";
import type { Comparison, Field, Filter, OrderKey } from "./filter/ast.ts";
import type { Place } from "./filter/evaluate.ts";

/**
 * Runs that may meet a filter, in order, as the tables have them. A row that a later one replaces may still be there
 * and lead to a run that no longer belongs: the caller looks at each run as it is. None that belongs is missing.
 */
export type CandidateQuery = {
  project: string;
  experiments: readonly string[];
  /** Those of them whose runs are deleted with them. */
  deletedExperiments: readonly string[];
  filter: Filter;
  /** Runs that have the first key of the order, by it. */
  key: OrderKey;
  /** Runs that have none of these. */
  without: readonly Field[];
  view: "active" | "deleted" | "all";
  /** By which those with an equal text, which are many, are ordered; not looked at where `key` is of numbers. */
  next: OrderKey;
  /** Not before this place in the order, by `key` and `next`. */
  from: { place: Place; next: Place } | null;
  most: number;
};

/** `next` is null where the order does not go by it. */
export type Candidate = { run: string; place: Place; next: Place | null };

export const startTime: OrderKey = { entity: "attribute", key: "start_time", type: "number", ascending: false };

/** Attributes that are made of the run's id. */
const computed: Readonly<Record<string, string>> = {
  run_id: "replaceAll(toString(run), '-', '')",
  artifact_uri: "concat('mlflow-artifacts:/', experiment, '/', replaceAll(toString(run), '-', ''), '/artifacts')",
};

/** Binds values as parameters; nothing of a request becomes SQL. */
const binder = () => {
  const parameters: Parameters = {};
  let count = 0;
  return {
    parameters,
    bind(type: string, value: Parameters[string]): string {
      const name = `p${count++}`;
      parameters[name] = value;
      return `{${name}:${type}}`;
    },
  };
};

type Binder = ReturnType<typeof binder>;

const bindDouble = ({ bind }: Binder, value: number): string => bind("Float64", doubleText(value));

type Source = { table: string; where: string; column: string };

/** Where the rows of a field are, and the column of its value. */
const sourceOf = (field: Field & { type: string }, { project, experiments }: CandidateQuery, to: Binder): Source => {
  const within = `project = ${to.bind("String", project)} AND experiment IN ${to.bind("Array(String)", experiments)}`;
  if (field.entity === "metric") {
    return { table: "latest_metrics", where: `${within} AND key = ${to.bind("String", field.key)}`, column: "value" };
  }
  const made = field.entity === "attribute" ? computed[field.key] : undefined;
  const name = made === undefined ? `${field.entity}.${field.key}` : "attribute.start_time";
  const column = made ?? (field.type === "number" ? "number" : "text");
  return { table: "run_fields", where: `${within} AND field = ${to.bind("String", name)}`, column };
};

/** The patterns of the language know no escape; those of the warehouse do. */
const literalBackslashes = (pattern: string): string => pattern.replaceAll("\\", "\\\\");

const testOf = (comparison: Comparison, column: string, to: Binder): string => {
  switch (comparison.type) {
    case "number":
      return `${column} ${comparison.operator} ${bindDouble(to, comparison.value)}`;
    case "text": {
      const { operator, value } = comparison;
      const isPattern = operator === "LIKE" || operator === "ILIKE";
      return `${column} ${operator} ${to.bind("String", isPattern ? literalBackslashes(value) : value)}`;
    }
    case "list":
      return `${column} ${comparison.operator} ${to.bind("Array(String)", comparison.values)}`;
    case "null":
      return "1";
  }
};

/** What has a field now: a value that was removed is still a row. */
const having = (field: Field, query: CandidateQuery, to: Binder): string => {
  const { table, where } = sourceOf({ ...field, type: "text" }, query, to);
  return field.entity === "metric"
    ? `SELECT run FROM ${table} WHERE ${where}`
    : `SELECT run FROM ${table} WHERE ${where} GROUP BY run HAVING argMax(removed, position) = 0`;
};

const conditionOf = (comparison: Comparison, query: CandidateQuery, to: Binder): string => {
  if (comparison.type === "null" && comparison.operator === "IS NULL") {
    return `run GLOBAL NOT IN (${having(comparison, query, to)})`;
  }
  const { table, where, column } = sourceOf(comparison, query, to);
  return `run GLOBAL IN (SELECT run FROM ${table} WHERE ${where} AND ${testOf(comparison, column, to)})`;
};

const viewOf = (query: CandidateQuery, to: Binder): string[] => {
  if (query.view === "all") return [];
  const { where } = sourceOf({ entity: "attribute", key: "lifecycle", type: "text" }, query, to);
  const deleted = `SELECT run FROM run_fields WHERE ${where} GROUP BY run HAVING argMax(text, position) = 'deleted'`;
  if (query.view === "active") return [`run GLOBAL NOT IN (${deleted})`];
  const wholly = `experiment IN ${to.bind("Array(String)", query.deletedExperiments)}`;
  return [`(${wholly} OR run GLOBAL IN (${deleted}))`];
};

const isText = ({ type }: OrderKey): boolean => type === "text";

/** Rows at or behind a place of the order. */
const behind = ({ key, from, next }: CandidateQuery, to: Binder): string[] => {
  if (from === null) return [];
  const value = bindPlace(key, from.place, to);
  const beyond = `sort ${key.ascending ? ">" : "<"} ${value}`;
  if (!isText(key)) return [from.place.rank === 1 ? "isNaN(sort)" : `(isNaN(sort) OR ${beyond} OR sort = ${value})`];
  const { rank } = from.next;
  const further = rank === 0 ? `second ${next.ascending ? ">" : "<"}= ${bindPlace(next, from.next, to)}` : "1";
  return [`(${beyond} OR (sort = ${value} AND (rank > ${rank} OR (rank = ${rank} AND ${further}))))`];
};

const bindPlace = (key: OrderKey, { value }: Place, to: Binder): string =>
  isText(key) ? to.bind("String", value) : bindDouble(to, Number(value));

/** Sets are probed, not searched for in the index: that takes longer than the query where they are large. */
const settings = "SETTINGS use_index_for_in_with_subqueries = 0";

/** At most about `most`, and more only where several are at the same place as the last. */
export const candidates = async (warehouse: Warehouse, query: CandidateQuery): Promise<Candidate[]> => {
  const to = binder();
  const { key, filter, without, most } = query;
  const { table, where, column } = sourceOf(key, query, to);
  const isDriving = (comparison: Comparison): boolean =>
    comparison.entity === key.entity && comparison.key === key.key && comparison.type !== "null";
  const conditions = [
    ...filter.map((one) => (isDriving(one) ? testOf(one, column, to) : conditionOf(one, query, to))),
    ...without.map((field) => `run GLOBAL NOT IN (${having(field, query, to)})`),
    ...viewOf(query, to),
  ];
  const rows = [where, ...conditions].join(" AND ");
  const direction = key.ascending ? "ASC" : "DESC";
  const keyed = `SELECT run, ${column} AS sort FROM ${table} WHERE ${rows}`;
  const from = isText(key) ? withSecond(keyed, query, to) : keyed;
  const order = isText(key)
    ? `sort ${direction}, rank, second ${query.next.ascending ? "ASC" : "DESC"}`
    : `isNaN(sort), sort ${direction}`;
  const second = isText(key) ? "rank, ifNull(toString(second), '') AS text" : "0 AS rank, '' AS text";
  const found = await ask<{ id: string; value: string; rank: 0 | 1 | 2; text: string }>(
    warehouse,
    `SELECT replaceAll(toString(run), '-', '') AS id, toString(sort) AS value, ${second}
     FROM (SELECT * FROM (${from}) WHERE ${["1", ...behind(query, to)].join(" AND ")}
           ORDER BY ${order} LIMIT ${Math.trunc(most)} WITH TIES)
     ORDER BY ${order} ${settings}`,
    to.parameters,
  );
  return found.map(({ id, value, rank, text }) => ({
    run: id,
    place: placeAt(key, value),
    next: !isText(key) ? null : rank === 0 ? placeAt(query.next, text) : { rank, value: "" },
  }));
};

/** The second key beside the first, or nothing: a value that was removed is as one that never was. */
const withSecond = (keyed: string, query: CandidateQuery, to: Binder): string => {
  const { table, where, column } = sourceOf(query.next, query, to);
  const value = query.next.entity === "metric" ? `toNullable(${column})` : `if(removed = 1, NULL, ${column})`;
  const rank = isText(query.next) ? "if(isNull(second), 2, 0)" : "multiIf(isNull(second), 2, isNaN(second), 1, 0)";
  return `SELECT run, sort, second, ${rank} AS rank FROM (${keyed}) AS keyed
    GLOBAL LEFT JOIN (SELECT run, ${value} AS second FROM ${table} WHERE ${where}) AS seconds USING run`;
};

const placeAt = (key: OrderKey, text: string): Place => (isText(key) ? { rank: 0, value: text } : numberPlace(text));

const numberPlace = (text: string): Place => {
  const value = numberOf(text);
  return Number.isNaN(value) ? { rank: 1, value: 0 } : { rank: 0, value };
};
