import type { Warehouse } from "../../infra/warehouse/open.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { RunDocument } from "../documents/types.ts";
import { type Candidate, candidates, startTime } from "./candidates.ts";
import type { Filter, OrderKey } from "./filter/ast.ts";
import { comparePlaces, matcher, type Place, placeOf, type Values } from "./filter/evaluate.ts";
import { parseFilter, parseOrder } from "./filter/parse.ts";
import { decodePlace, encodePlace, type RunPlace } from "./page-token.ts";
import type { MetricPoint } from "./points.ts";
import { runValues } from "./run-values.ts";

export type RunSearch = {
  experiments: readonly string[];
  /** Those of them that are deleted: with an experiment its runs are. */
  deletedExperiments?: readonly string[];
  /** MLflow's language, e.g. `metrics.auc > 0.7 and params.depth = '6'`. */
  filter?: string;
  /** e.g. `metrics.auc DESC`; then the newest run first. */
  orderBy?: readonly string[];
  view: "active" | "deleted" | "all";
  /** Most runs of the page. */
  first: number;
  /** Token of the page before. */
  after?: string;
};

/** A run with the latest point of each of its metrics. */
export type FoundRun = { run: RunDocument; metrics: MetricPoint[] };

export type RunSearchPage = { runs: FoundRun[]; next: string | null };

export type RunSearchDeps = {
  warehouse: Warehouse;
  /** The runs as they are now; what is not there is left out. */
  runs(project: string, ids: readonly string[]): Promise<RunDocument[]>;
  latestMetrics(project: string, runs: readonly string[]): Promise<Map<string, MetricPoint[]>>;
};

const mostRuns = 50_000;
/** Candidates that are asked for at first beyond the page: rows that were replaced lead astray. */
const spare = 32;
const widening = 8;

type Found = FoundRun & { values: Values; place: RunPlace };

const always = new Set(["run_id", "run_name", "status", "artifact_uri", "user_id", "start_time"]);

const isAlways = ({ entity, key }: OrderKey): boolean => entity === "attribute" && always.has(key);

/** Keys of which the first that a run has decides where it stands: those without it come behind all that have it. */
const stagesOf = (order: readonly OrderKey[]): OrderKey[] => {
  const end = order.findIndex(isAlways);
  return end < 0 ? [...order, startTime] : order.slice(0, end + 1);
};

const compareFound = (order: readonly OrderKey[], a: RunPlace, b: RunPlace): number => {
  for (const [i, key] of order.entries()) {
    const compared = comparePlaces(a.places[i], b.places[i], key.ascending);
    if (compared !== 0) return compared;
  }
  return b.start - a.start || (a.run < b.run ? -1 : a.run > b.run ? 1 : 0);
};

/** Whether a run lies behind the last candidate, where others may be that are not known yet. */
const isBeyond = (key: OrderKey, next: OrderKey, last: Candidate, { values }: Found): boolean => {
  const compared = comparePlaces(placeOf(key, values), last.place, key.ascending);
  if (compared !== 0 || last.next === null) return compared > 0;
  return comparePlaces(placeOf(next, values), last.next, next.ascending) > 0;
};

/**
 * A page of runs. The tables tell which runs come into question, in order; each is then judged as it is now.
 * BAD_REQUEST for a malformed filter, order, token or size.
 */
export const searchRuns = async (deps: RunSearchDeps, project: string, asked: RunSearch): Promise<RunSearchPage> => {
  const { deletedExperiments = [] } = asked;
  const isSeen = (id: string): boolean => asked.view !== "active" || !deletedExperiments.includes(id);
  const search = { ...asked, deletedExperiments, experiments: asked.experiments.filter(isSeen) };
  const filter = parseFilter("runs", search.filter);
  const order = parseOrder("runs", search.orderBy);
  const { first } = search;
  if (!Number.isInteger(first) || first < 1 || first > mostRuns) {
    throw new MillraceError("BAD_REQUEST", `max_results: ${first} is not between 1 and ${mostRuns}`);
  }
  const after = search.after === undefined ? null : decodePlace(search.after, order);
  if (search.experiments.length === 0) return { runs: [], next: null };
  const stages = stagesOf(order);
  const begin = after === null ? 0 : stages.findIndex((_, i) => i >= order.length || after.places[i].rank !== 2);
  const found: Found[] = [];
  for (let at = Math.max(0, begin); at < stages.length && found.length <= first; at++) {
    const most = first + 1 - found.length;
    const place = at === begin ? after : null;
    found.push(...(await stage(deps, { project, search, filter, order, stages, at, after: place, most })));
  }
  const page = found.slice(0, first);
  return {
    runs: page.map(({ run, metrics }) => ({ run, metrics })),
    next: found.length > first ? encodePlace(page[page.length - 1].place) : null,
  };
};

type Stage = {
  project: string;
  search: RunSearch & { deletedExperiments: readonly string[] };
  filter: Filter;
  order: readonly OrderKey[];
  stages: readonly OrderKey[];
  at: number;
  after: RunPlace | null;
  most: number;
};

/** The first `most` runs, behind `after`, that have this stage's key and none of the stages before it. */
const stage = async (deps: RunSearchDeps, options: Stage): Promise<Found[]> => {
  const { project, search, filter, order, stages, at, after, most } = options;
  const key = stages[at];
  const without = stages.slice(0, at);
  // A condition on a key that must be missing is met by nobody.
  if (without.some(({ entity, key }) => filter.some((one) => isAbout(one, entity, key) && !isAbsence(one)))) return [];
  const next = order[at + 1] ?? startTime;
  const placeAt = (i: number): Place => (after as RunPlace).places[i] ?? { rank: 0, value: (after as RunPlace).start };
  const from = after === null ? null : { place: placeAt(at), next: placeAt(at + 1) };
  const matches = matcher(filter);
  const lifecycleOf = ({ experiment, lifecycle }: RunDocument): RunDocument["lifecycle"] =>
    search.deletedExperiments.includes(experiment) ? "deleted" : lifecycle;
  const belongs = ({ run, values, place }: Found): boolean =>
    search.experiments.includes(run.experiment) &&
    (search.view === "all" || lifecycleOf(run) === search.view) &&
    without.every((absent) => values(absent).length === 0) &&
    values(key).length > 0 &&
    matches(values) &&
    (after === null || compareFound(order, place, after) > 0);

  for (let asked = most + spare; ; asked *= widening) {
    const rows = await candidates(deps.warehouse, {
      ...{ project, filter, key, without, view: search.view, from },
      ...{ experiments: search.experiments, deletedExperiments: search.deletedExperiments },
      next,
      most: asked,
    });
    const ids = [...new Set(rows.map(({ run }) => run))];
    const runs = await foundOf(deps, project, ids, order);
    const isWhole = rows.length < asked;
    const last = rows[rows.length - 1];
    const good = runs.filter((run) => belongs(run) && (isWhole || !isBeyond(key, next, last, run)));
    if (good.length >= most || isWhole) {
      return good.sort((a, b) => compareFound(order, a.place, b.place)).slice(0, most);
    }
  }
};

const isAbout = (one: Filter[number], entity: string, key: string): boolean => one.entity === entity && one.key === key;
const isAbsence = (one: Filter[number]): boolean => one.type === "null" && one.operator === "IS NULL";

const foundOf = async (
  deps: RunSearchDeps,
  project: string,
  ids: readonly string[],
  order: readonly OrderKey[],
): Promise<Found[]> => {
  const [runs, metrics] = await Promise.all([deps.runs(project, ids), deps.latestMetrics(project, ids)]);
  return runs.map((run) => {
    const own = metrics.get(run.id) ?? [];
    const values = runValues(run, own);
    const places = order.map((key) => placeOf(key, values));
    return { run, metrics: own, values, place: { places, start: run.startTime, run: run.id } };
  });
};
