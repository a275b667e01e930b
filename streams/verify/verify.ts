import type { Artifacts } from "../../infra/artifacts/port.ts";
import { replay } from "../../infra/broker/journal.ts";
import type { Broker } from "../../infra/broker/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import type { FeatureReader } from "../../ml/features/columns.ts";
import { viewState } from "../../ml/features/state.ts";
import type { Scorer } from "../../ml/onnx/session.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { guardedScorer } from "../../serving/scorer.ts";
import { type Catalog, type CatalogDeployment, versionKey } from "../catalog.ts";
import { type FoldedEvent, foldInto } from "../features/fold.ts";
import type { PredictionLookup } from "../predictions/encode.ts";
import { stagePlan } from "../predictions/stage.ts";
import { schemaCache } from "../runtime/input.ts";
import { type Application, planTopology } from "../topology.ts";
import { recomputeLookups, type WantedLookup } from "./lookups.ts";

/** A stored prediction to be proved. */
export type StoredPrediction = {
  id: string;
  endpoint: string;
  model: string;
  version: number;
  topic: string;
  partition: number;
  offset: number;
  lookups: PredictionLookup[];
  features: number[];
  output: number;
  /** Wall clock, UTC ms. */
  servedAt: number;
};

export type Mismatch = { id: string; what: string; stored: number; recomputed: number };

export type Verification = {
  checked: number;
  mismatches: Mismatch[];
  /** Ids of predictions whose trigger, or whose deployment, is not there any more. */
  missing: string[];
};

export type VerifyOptions = {
  broker: Broker;
  registry: SchemaRegistry;
  artifacts: Artifacts;
  limits: ModelLimits;
  catalog: Catalog;
  project: string;
  predictions: readonly StoredPrediction[];
  signal?: AbortSignal;
  onProgress?: (done: number) => void;
};

/**
 * Computes the features of stored predictions again, by folding the log in the journal's order up to each
 * prediction's trigger, and scores them again with the stored version: every value must be the same, bit for bit.
 */
export const verifyPredictions = async (options: VerifyOptions): Promise<Verification> => {
  const { catalog, project } = options;
  const schemas = schemaCache(options.registry);
  await schemas.loadAll();
  const applications = planTopology(catalog).filter((application) => application.project === project);
  const result: Verification = { checked: 0, mismatches: [], missing: [] };
  const scorers = new Map<string, Promise<Scorer>>();
  try {
    for (const stored of groupBy(
      options.predictions,
      ({ endpoint, partition }) => `${endpoint}/${partition}`,
    ).values()) {
      const { endpoint, partition } = stored[0];
      const deployment = catalog.deployments.get(`${project}/${endpoint}`);
      const application = applications.find((one) => deployment !== undefined && one.deployments.includes(deployment));
      if (deployment === undefined || application === undefined) {
        result.missing.push(...stored.map(({ id }) => id));
        continue;
      }
      const rows = await recomputeRows(options, schemas, applications, application, deployment, partition, stored);
      for (const prediction of stored) {
        const row = rows.get(prediction.offset);
        if (row === undefined) {
          result.missing.push(prediction.id);
          continue;
        }
        const scorer = await scorerOf(options, scorers, prediction);
        compare(prediction, row, (await scorer.score(row, 1))[0], deployment, result);
        result.checked += 1;
        options.onProgress?.(result.checked);
      }
    }
    return result;
  } finally {
    for (const scorer of scorers.values()) await (await scorer).close();
  }
};

const scorerOf = (
  { catalog, artifacts, project, limits }: VerifyOptions,
  scorers: Map<string, Promise<Scorer>>,
  { model, version }: StoredPrediction,
): Promise<Scorer> => {
  const key = versionKey(project, model, version);
  const found = catalog.versions.get(key);
  if (found === undefined) throw new MillraceError("NOT_FOUND", `version ${version} of ${model} is not in the catalog`);
  const scorer =
    scorers.get(key) ?? artifacts.read(found.artifact).then((bytes) => guardedScorer(bytes, limits, found));
  scorers.set(key, scorer);
  return scorer;
};

const recomputeRows = async (
  { broker, signal, predictions }: VerifyOptions,
  schemas: ReturnType<typeof schemaCache>,
  applications: readonly Application[],
  application: Application,
  deployment: CatalogDeployment,
  partition: number,
  stored: readonly StoredPrediction[],
): Promise<Map<number, Float32Array>> => {
  const plan = stagePlan(deployment, application);
  const states = application.views.map((view) => viewState(view));
  const wanted = new Map(stored.map((prediction) => [prediction.offset, prediction]));
  const rows = new Map<number, Float32Array>();
  const trigger = stored[0].topic;
  const last = stored.reduce((latest, { offset }) => Math.max(latest, offset), -1);
  const upTo = new Map([[trigger, last + 1]]);
  const looked = plan.views.filter((used) => !application.views.includes(used));
  /** By the trigger's offset: one entity may be looked up twice for one moment, with another entry each time. */
  const lookups = new Map<number, WantedLookup[]>();
  /** First pass, only where views are looked up: which entity and moment each look-up was for. */
  if (looked.length > 0 && predictions.length > 0) {
    const then = ({ topic, offset, event, time }: FoldedEvent): void => {
      const prediction = topic === trigger ? wanted.get(offset) : undefined;
      for (const lookup of prediction?.lookups ?? []) {
        const used = looked.find(({ view }) => view === lookup.view);
        if (used === undefined) continue;
        const values = new Float64Array(used.featureNames.length);
        const found = { ...lookup, plan: used, entity: used.entityOf(event), time, values };
        lookups.set(offset, [...(lookups.get(offset) ?? []), found]);
      }
    };
    const collect = foldInto(application, schemas, [], { then });
    await replay(broker, { application: application.id, partition, upTo, signal }, collect);
    await recomputeLookups(broker, schemas, applications, [...lookups.values()].flat());
  }
  let atHand: readonly WantedLookup[] = [];
  const readers = plan.views.map((used): FeatureReader => {
    const local = states.find((state) => state.plan.view === used.view);
    return local ?? lookupReader(() => atHand.find(({ view }) => view === used.view));
  });
  const then = ({ topic, offset, event, time }: FoldedEvent): void => {
    if (topic !== trigger || !wanted.has(offset)) return;
    const row = new Float32Array(plan.columns.length);
    atHand = lookups.get(offset) ?? [];
    plan.write(event, time, readers, row, 0);
    rows.set(offset, row);
  };
  const visit = foldInto(application, schemas, states, { then });
  await replay(broker, { application: application.id, partition, upTo, signal }, visit);
  return rows;
};

/** A prediction that names no look-up of the view is computed without it. */
const lookupReader = (find: () => WantedLookup | undefined): FeatureReader => ({
  read: (_entity, _time, out, at) => {
    const found = find();
    if (found === undefined) out.fill(Number.NaN, at);
    else out.set(found.values, at);
    return true;
  },
});

const compare = (
  stored: StoredPrediction,
  row: Float32Array,
  output: number,
  deployment: CatalogDeployment,
  result: Verification,
): void => {
  row.forEach((value, i) => {
    if (Object.is(Math.fround(stored.features[i]), value)) return;
    const what = deployment.columns[i].name;
    result.mismatches.push({ id: stored.id, what, stored: stored.features[i], recomputed: value });
  });
  if (!Object.is(stored.output, output)) {
    result.mismatches.push({ id: stored.id, what: "output", stored: stored.output, recomputed: output });
  }
};

const groupBy = <T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};
