import type { Transaction } from "../../infra/broker/port.ts";
import { compileExpression, fieldTypes } from "../../ml/cel/compile.ts";
import { type ColumnPlan, type FeatureReader, planColumns } from "../../ml/features/columns.ts";
import { businessKey, noKey } from "../../schemas/business-key.ts";
import type { ByteWriter } from "../../schemas/byte-writer.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { Task } from "../../schemas/lifecycle/model.ts";
import { topicOf } from "../../schemas/topics.ts";
import type { CatalogDeployment, CatalogSource } from "../catalog.ts";
import { outcomeEncoder } from "../outcomes/encode.ts";
import { type Joined, type PendingPrediction, type PendingPredictions, pendingPredictions } from "../outcomes/join.ts";
import type { DecodedEvent } from "../runtime/input.ts";
import { type Application, sourceInfo } from "../topology.ts";
import { armOf, resetArm, scoreArm } from "./arm.ts";
import type { PredictionLookup } from "./encode.ts";
import type { ReadyVersion } from "./ready-version.ts";
import { router } from "./routing.ts";

/** A prediction that is due: its trigger, and where its row lies. */
type Due = {
  arm: number;
  row: number;
  key: string;
  entity: string;
  time: number;
  offset: number;
  polledAt: number;
  lookups: readonly PredictionLookup[];
  /** Whether a view was asked further back than it can answer exactly. */
  late: boolean;
  /** Where its positions begin in `positions`. */
  positions: number;
  pending: PendingPrediction | null;
};

export type ScoringFailure = { offset: number; error: MillraceError };

/** Rows that one version scored in this batch, in the order of the triggers. */
export type ScoredRows = {
  ready: ReadyVersion;
  matrix: Float32Array;
  outputs: Float32Array;
  count: number;
  /** Event time by row. */
  times: number[];
};

/** Everything that a deployment does inside a task. */
export type DeploymentStage = {
  deployment: CatalogDeployment;
  task: Task;
  /** Topic whose records are triggers, and the one that brings outcomes (or null). */
  triggerTopic: string;
  outcomeTopic: string | null;
  predictionsTopic: string;
  outcomesTopic: string;
  plan: ColumnPlan;
  pending: PendingPredictions | null;
  /** Next offsets of the two output topics in this partition. */
  nextPrediction: number;
  nextOutcome: number;
  /** Outcomes since the last reset by the caller that met no prediction. */
  unmatched: number;
  trigger(event: DecodedEvent, time: number, offset: number, polledAt: number, positions: Float64Array): void;
  outcome(event: DecodedEvent, time: number, watermark: number, offset: number): void;
  /** Scores what is due; a row that fails alone is a failure, the others go on. */
  score(): Promise<ScoringFailure[]>;
  /** Adds the predictions to the transaction in the order of their triggers. Answers how many. */
  emit(transaction: Transaction): number;
  scored(): ScoredRows[];
  /** What keeps a version of it from being scored or sketched, and which; null where nothing does. */
  problem(): { version: string; error: MillraceError } | null;
  /** Its versions of which a row had another answer in a batch than alone. */
  differing(): string[];
  /** Outcomes met in this batch, scored predictions only; empty after the call. */
  joined(): Joined[];
  /** Adds outcomes to the transaction in their order. */
  emitOutcomes(transaction: Transaction, joined: readonly Joined[]): void;
  /** From where its output topics must be read again to know what waits for an outcome. */
  waitingSince(): { predictions: number; outcomes: number };
  reset(): void;
};

export type StageOptions = {
  deployment: CatalogDeployment;
  application: Application;
  partition: number;
  ready: ReadyVersion[];
  readers: FeatureReader[];
  /** What the last read of the looked-up views served; empty where all views are local. */
  lookups: () => readonly PredictionLookup[];
  plan: ColumnPlan;
  predictionSchemaId: number;
  outcomeSchemaId: number;
  nextPrediction: number;
  nextOutcome: number;
  writer: ByteWriter;
  clock: () => number;
};

export const stagePlan = (deployment: CatalogDeployment, application: Application): ColumnPlan =>
  planColumns(deployment.columns, sourceInfo(sourceNamed(application, deployment.trigger)), application.plans);

const sourceNamed = (application: Application, id: string): CatalogSource => {
  const input = application.inputs.find((candidate) => candidate.source.id === id);
  if (input === undefined) throw new MillraceError("NOT_FOUND", `${application.id} has no event source ${id}`);
  return input.source;
};

export const deploymentStage = (options: StageOptions): DeploymentStage => {
  const { deployment, application, partition, plan, readers, clock } = options;
  const trigger = sourceNamed(application, deployment.trigger);
  const outcome = deployment.outcome;
  const outcomeSource = outcome === null ? null : sourceNamed(application, outcome.source);
  const outcomeValue =
    outcome === null || outcomeSource === null
      ? null
      : compileExpression(outcome.value, fieldTypes(outcomeSource.schema), "number|bool");
  const encodeOutcome =
    outcomeSource === null
      ? null
      : outcomeEncoder(
          {
            schemaId: options.outcomeSchemaId,
            endpoint: deployment.id,
            topic: outcomeSource.topic,
            partition,
          },
          options.writer,
        );
  const keys = businessKey(outcome?.key ?? [], trigger.schema, (outcomeSource ?? trigger).schema);
  const route = router(deployment.split, deployment.revision);
  const width = plan.columns.length;
  const place = {
    schemaId: options.predictionSchemaId,
    endpoint: deployment.id,
    revision: deployment.revision,
    topic: trigger.topic,
    partition,
  };
  const arms = deployment.split.map((entry, i) => armOf(entry, options.ready[i], width, place, options.writer));
  const shadows = arms.flatMap((arm, index) => (arm.variant === "shadow" ? [index] : []));
  const idPrefix = `${deployment.id}-${partition}-`;
  const inputs = application.inputs.length;
  let due: Due[] = [];
  let positions = new Float64Array(1024 * inputs);
  let met: Joined[] = [];

  const keepPositions = (row: Float64Array): number => {
    const at = triggers * inputs;
    if (at + inputs > positions.length) {
      const grown = new Float64Array(positions.length * 2);
      grown.set(positions);
      positions = grown;
    }
    positions.set(row, at);
    triggers += 1;
    return at;
  };
  let triggers = 0;

  const idOf = (one: Due): string => {
    const arm = arms[one.arm];
    const id = idPrefix + one.offset;
    return arm.variant === "shadow" ? `${id}-${arm.model}.${arm.version}` : id;
  };

  const add = (one: Due): void => {
    due.push(one);
    arms[one.arm].times.push(one.time);
    if (self.pending === null || one.key === noKey) return;
    const { model, version, variant } = arms[one.arm];
    one.pending = {
      id: idOf(one),
      key: one.key,
      entity: one.entity,
      time: one.time,
      model,
      version,
      variant,
      offset: -1,
      outcomesFrom: self.nextOutcome,
      output: Number.NaN,
      next: null,
      done: false,
    };
    self.pending.add(one.pending);
  };

  const self: DeploymentStage = {
    deployment,
    task: options.ready[0].task,
    triggerTopic: trigger.topic,
    outcomeTopic: outcomeSource?.topic ?? null,
    predictionsTopic: topicOf.predictions(deployment.project, deployment.id),
    outcomesTopic: topicOf.outcomes(deployment.project, deployment.id),
    plan,
    pending: outcome === null ? null : pendingPredictions(outcome.horizonMs),
    nextPrediction: options.nextPrediction,
    nextOutcome: options.nextOutcome,
    unmatched: 0,
    trigger: (event, time, offset, polledAt, at) => {
      const entity = String(event[trigger.key]);
      const chosen = route(entity);
      const arm = arms[chosen];
      const start = arm.rows.next();
      const exact = plan.write(event, time, readers, arm.rows.matrix, start);
      const one: Due = {
        arm: chosen,
        row: arm.rows.count - 1,
        key: keys.ofTrigger(event) ?? noKey,
        entity,
        time,
        offset,
        polledAt,
        lookups: options.lookups(),
        late: !exact,
        positions: keepPositions(at),
        pending: null,
      };
      add(one);
      for (const shadow of shadows) {
        const copy = arms[shadow].rows;
        copy.matrix.set(arm.rows.matrix.subarray(start, start + width), copy.next());
        add({ ...one, arm: shadow, row: copy.count - 1, pending: null });
      }
    },
    outcome: (event, time, watermark, offset) => {
      if (self.pending === null || outcomeValue === null) return;
      const value = outcomeValue.evaluate(event, time);
      if (value === null || value === undefined) return;
      const key = keys.ofOutcome(event);
      const found = key === null ? null : self.pending.take(key, time, watermark);
      if (found === null) self.unmatched += 1;
      for (let at = found; at !== null; at = at.next) {
        met.push({ prediction: at, outcome: Number(value), time, offset });
      }
    },
    score: async () => {
      for (const arm of arms) await scoreArm(arm, width);
      const failures: ScoringFailure[] = [];
      for (const one of due) {
        const failure = arms[one.arm].failures.get(one.row);
        if (failure !== undefined) failures.push({ offset: one.offset, error: failure });
      }
      return failures;
    },
    emit: (transaction) => {
      const servedAt = clock();
      let emitted = 0;
      for (const one of due) {
        const arm = arms[one.arm];
        if (arm.failures.has(one.row)) {
          if (one.pending !== null) self.pending?.forget(one.pending.id, one.pending.key);
          continue;
        }
        const output = arm.rows.outputs[one.row];
        const value = arm.encode(
          one.pending?.id ?? idOf(one),
          one.entity,
          one.key,
          one.time,
          one.offset,
          positions,
          one.positions,
          inputs,
          one.lookups,
          arm.rows.matrix,
          one.row * width,
          width,
          output,
          servedAt,
          servedAt - one.polledAt,
          one.late,
        );
        transaction.add(self.predictionsTopic, partition, one.entity, value, one.time);
        if (one.pending !== null) {
          one.pending.output = output;
          one.pending.offset = self.nextPrediction;
        }
        self.nextPrediction += 1;
        emitted += 1;
      }
      return emitted;
    },
    scored: () =>
      arms
        // Of rows that were all refused there is no prediction to be judged.
        .filter((arm) => arm.rows.count > arm.failures.size)
        .map(({ ready, times, rows: { matrix, outputs, count } }) => ({ ready, matrix, outputs, count, times })),
    problem: () => {
      for (const { ready } of arms) {
        const error = ready.problem();
        if (error !== null) return { version: `${ready.model}/${ready.version}`, error };
      }
      return null;
    },
    differing: () => arms.filter(({ ready }) => ready.differed()).map(({ ready }) => `${ready.model}/${ready.version}`),
    // What could not be scored was not emitted; NaN is an answer, too.
    joined: () => met.filter((one) => one.prediction.offset >= 0),
    emitOutcomes: (transaction, joined) => {
      if (encodeOutcome === null) return;
      for (const one of joined) {
        transaction.add(self.outcomesTopic, partition, one.prediction.entity, encodeOutcome(one), one.time);
      }
      self.nextOutcome += joined.length;
    },
    waitingSince: () => {
      const oldest = self.pending?.oldest() ?? null;
      return {
        predictions: oldest?.offset ?? self.nextPrediction,
        outcomes: oldest?.outcomesFrom ?? self.nextOutcome,
      };
    },
    reset: () => {
      due = [];
      met = [];
      triggers = 0;
      for (const arm of arms) resetArm(arm);
    },
  };
  return self;
};
