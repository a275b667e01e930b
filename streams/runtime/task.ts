import type { Transaction, Writer } from "../../infra/broker/port.ts";
import { partitionOf } from "../../infra/broker/port.ts";
import type { LogMark } from "../../infra/log-marks.ts";
import { viewStateKey } from "../../ml/features/changelog-key.ts";
import type { ViewState } from "../../ml/features/state.ts";
import { asMillraceError } from "../../schemas/errors.ts";
import { topicOf } from "../../schemas/topics.ts";
import type { ErrorMonitors } from "../drift/error-monitors.ts";
import { sketchJoined, sketchScored } from "../drift/sketching.ts";
import type { TileStore } from "../drift/tiles.ts";
import { type LookupViews, withJournal } from "../features/lookups.ts";
import type { UnreadRecords } from "../features/unread.ts";
import type { DeploymentStage } from "../predictions/stage.ts";
import type { Application, Rekey } from "../topology.ts";
import { checkpointMs, checkpointSpacing, encodeMeta, foldRules, metaKey, type TaskMeta } from "./changelog.ts";
import { droppedEvents } from "./dropped.ts";
import type { Emitter } from "./emitter.ts";
import { isDry, type TaskInput } from "./input.ts";
import { type JournalRuns, journalRuns } from "./journal-runs.ts";
import type { StreamsMetrics } from "./metrics.ts";
import type { Waits } from "./waits.ts";

/** Everything that one partition of an application holds in memory. */
export type TaskParts = {
  application: Application;
  partition: number;
  inputs: TaskInput[];
  views: Map<string, ViewState>;
  stages: DeploymentStage[];
  lookups: LookupViews;
  tiles: TileStore;
  errors: ErrorMonitors;
  watermark: number;
  /** Next offset of the task's journal, whose only writer it is, and that of its newest entry (-1: none). */
  nextJournal: number;
  lastJournal: number;
  /** Topics that were made again since the checkpoint: until the next one, the journal has entries of theirs. */
  gone: ReadonlySet<string>;
  /** What the views were built without; the next checkpoint tells of it. */
  unread: UnreadRecords;
  /** Marks of the logs that the inputs' and the journal's offsets are in. */
  logs: Record<string, LogMark>;
  /** What the changelog holds of the views. */
  checkpoint: Pick<TaskMeta, "views" | "journal">;
};

export type TaskOptions = {
  /** The task's own: who takes the partition over fences it. */
  writer: Writer;
  /** Offsets that a commit takes after its records (`Broker.commitMarkers`). */
  commitMarkers: number;
  emitter: Emitter;
  clock: () => number;
  waits: Waits;
  maxBatchRecords: number;
  metrics: StreamsMetrics;
  /**
   * Whether the task is what the catalog asks for now. Asked after records were read and before one is taken, so that
   * a record which was produced after a command had answered is never handled as if the command had not been given.
   */
  isCurrent: () => Promise<boolean>;
};

export type Task = {
  parts: TaskParts;
  /** Takes a batch through all stages and commits it. Answers how many records it took; 0 when it has to wait. */
  step(): Promise<number>;
  close(): Promise<void>;
};

const noTopics: ReadonlySet<string> = new Set();

/** What an input's records are for, resolved once. */
type Route = {
  views: { state: ViewState; source: string }[];
  rekeys: Rekey[];
  triggers: DeploymentStage[];
  outcomes: DeploymentStage[];
};

export const task = (parts: TaskParts, options: TaskOptions): Task => {
  const { application, partition, inputs, views, stages, tiles } = parts;
  const { emitter, clock, metrics } = options;
  const runs: JournalRuns = journalRuns();
  const dropped = droppedEvents({ project: application.project, views: [...views.values()], tiles, metrics });
  const positions = new Float64Array(inputs.length);
  // With the marks of new logs goes a checkpoint: entries of the old ones must not be folded out of the new.
  let checkpointDue = parts.gone.size > 0 ? clock() : clock() + checkpointMs;
  const routes: Route[] = inputs.map(({ input }) => ({
    views: [...views.values()]
      .filter((state) => state.plan.sources.includes(input.source.id))
      .map((state) => ({ state, source: input.source.id })),
    rekeys: application.rekeys.filter((rekey) => rekey.plan.sources.includes(input.source.id)),
    triggers: stages.filter((stage) => stage.triggerTopic === input.topic),
    outcomes: stages.filter((stage) => stage.outcomeTopic === input.topic),
  }));

  /** Index of the input whose record is next, -1 when the task has to wait for one. */
  const choose = (now: number): number => {
    let chosen = -1;
    let earliest = Number.POSITIVE_INFINITY;
    let full = 0;
    for (let i = 0; i < inputs.length; i++) {
      const one = inputs[i];
      if (isDry(one)) continue;
      full += 1;
      if (one.times[one.index] < earliest) {
        earliest = one.times[one.index];
        chosen = i;
      }
    }
    if (full === inputs.length) return chosen;
    let isHeld = false;
    // All are asked, so that their waits run side by side.
    for (const one of inputs) if (isDry(one) && !options.waits.isOver(one, earliest, now)) isHeld = true;
    if (isHeld) return -1;
    return chosen;
  };

  const take = (transaction: Transaction, index: number): void => {
    const one = inputs[index];
    const batch = one.batch as NonNullable<TaskInput["batch"]>;
    const i = one.index++;
    const offset = batch.offsets[i];
    const event = one.events[i];
    one.position = offset + 1;
    positions[index] = offset + 1;
    runs.add(index, event !== null);
    if (event === null) {
      const refused = one.refused.get(i);
      if (refused !== undefined) emitter.deadLetter(transaction, application.project, "decode", batch, i, refused);
      metrics.deadLetters.inc({ stage: "decode" });
      // A re-keyed record has passed this at home.
      if (refused?.error.code === "EVENT_AHEAD" && !application.rekeyed) dropped.ahead(one.input.source.id);
      return;
    }
    const time = one.times[i];
    if (time > parts.watermark) parts.watermark = time;
    const route = routes[index];
    try {
      for (const { state, source } of route.views) state.apply(source, event, time);
      for (const { topic, partitions, plan } of route.rekeys) {
        const entity = Buffer.from(plan.entityOf(event));
        const value = batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]);
        const to = partitionOf(entity, partitions);
        transaction.add(`${topic}.${one.input.source.id}`, to, entity, value, time);
      }
      for (const stage of route.outcomes) stage.outcome(event, time, parts.watermark, offset);
      for (const stage of route.triggers) stage.trigger(event, time, offset, one.polledAt, positions);
    } catch (error) {
      const refusal = { index: i, error: asMillraceError(error), schemaId: null };
      emitter.deadLetter(transaction, application.project, "features", batch, i, refusal);
      metrics.deadLetters.inc({ stage: "features" });
    }
  };

  const finish = async (transaction: Transaction, starts: number[]): Promise<void> => {
    for (const stage of stages) {
      const failures = await stage.score();
      // Failures come in the order of their offsets: all of a batch may fail.
      let index = 0;
      for (const failure of failures) {
        const held = inputs.find((one) => one.input.topic === stage.triggerTopic)?.batch;
        if (held === null || held === undefined) continue;
        index = held.offsets.indexOf(failure.offset, index);
        const refusal = { index, error: failure.error, schemaId: null };
        emitter.deadLetter(transaction, application.project, "score", held, index, refusal);
        metrics.deadLetters.inc({ stage: "score" });
      }
      metrics.predictions.inc(stage.emit(transaction));
      const joined = stage.joined();
      stage.emitOutcomes(transaction, joined);
      metrics.outcomes.inc(joined.length);
      metrics.unmatched.inc(stage.unmatched);
      stage.unmatched = 0;
      for (const scored of stage.scored()) sketchScored(tiles, stage.deployment.id, scored);
      sketchJoined(tiles, stage, joined);
      parts.errors.observe(stage, joined, (result) => emitter.drift(transaction, application.project, result));
      stage.pending?.expire(parts.watermark);
    }
    dropped.count(Number.isFinite(parts.watermark) ? parts.watermark : clock());
    tiles.drain(parts.watermark, (key, record) => emitter.tile(transaction, application.project, key, record));
    if (clock() >= checkpointDue) emitCheckpoint(transaction, parts.nextJournal);
    emitMeta(transaction);
    const stamp = Math.max(0, parts.watermark);
    const taken = inputs.map(({ input }, i) => ({ topic: input.topic, offset: starts[i] }));
    transaction.add(topicOf.journal(application.id), partition, null, runs.encode(taken), stamp);
    transaction.offsets(
      application.id,
      inputs.map(({ input, position }) => ({ topic: input.topic, partition, offset: position })),
    );
    advance(await transaction.commit());
  };

  /** Where the outputs whose only writer this task is go on. */
  const advance = (written: Awaited<ReturnType<Transaction["commit"]>>): void => {
    const next = new Map(
      written
        .filter((one) => one.partition === partition)
        .map(({ topic, firstOffset, count }) => [topic, firstOffset + count + options.commitMarkers]),
    );
    for (const stage of stages) {
      stage.nextPrediction = next.get(stage.predictionsTopic) ?? stage.nextPrediction;
      stage.nextOutcome = next.get(stage.outcomesTopic) ?? stage.nextOutcome;
    }
    parts.lastJournal = parts.nextJournal;
    parts.nextJournal = next.get(topicOf.journal(application.id)) ?? parts.nextJournal;
  };

  /** Writes the state of every entity that has changed since the last checkpoint, as of this journal entry. */
  const emitCheckpoint = (transaction: Transaction, entry: number): void => {
    const topic = topicOf.changelog(application.id);
    const stamp = Math.max(0, parts.watermark); // dead letters alone leave the watermark at -Infinity
    const kept: TaskMeta["views"] = {};
    const startedAt = performance.now();
    for (const [view, state] of views) {
      state.drain((entity, blob) => {
        const value = application.rekeyed ? withJournal(blob, entry) : blob;
        transaction.add(topic, partition, viewStateKey(view, state.plan.version, entity), value, stamp);
      });
      const unread = parts.unread.counts.get(view);
      kept[view] = { version: state.plan.version, rules: foldRules, ...(unread === undefined ? {} : { unread }) };
    }
    for (const { batch, refused } of parts.unread.untold()) {
      emitter.deadLetter(transaction, application.project, "build", batch, 0, refused);
      metrics.deadLetters.inc({ stage: "build" });
    }
    parts.checkpoint = { views: kept, journal: entry + 1 };
    parts.gone = noTopics;
    checkpointDue = clock() + Math.max(checkpointMs, checkpointSpacing * (performance.now() - startedAt));
  };

  const emitMeta = (transaction: Transaction): void => {
    const meta: TaskMeta = {
      ...parts.checkpoint,
      watermark: parts.watermark,
      pending: {},
      detectors: parts.errors.state(),
      logs: parts.logs,
    };
    for (const stage of stages) {
      meta.pending[stage.deployment.id] = stage.waitingSince();
    }
    const stamp = Math.max(0, parts.watermark);
    transaction.add(topicOf.changelog(application.id), partition, metaKey, encodeMeta(meta), stamp);
  };

  /** With nothing to take there is time to write down what has changed. */
  const checkpointWhenIdle = async (): Promise<void> => {
    const held = parts.checkpoint.views;
    const isWhole = [...views].every(([view, { plan }]) => held[view]?.version === plan.version);
    const isDone = isWhole && parts.checkpoint.journal > parts.lastJournal && parts.gone.size === 0;
    if (parts.lastJournal < 0 || isDone) return;
    const transaction = options.writer.transaction();
    emitCheckpoint(transaction, parts.lastJournal);
    emitMeta(transaction);
    await transaction.commit();
  };

  return {
    parts,
    step: async () => {
      for (const one of inputs) await one.fill();
      if (inputs.every((one) => one.batch === null)) {
        for (const one of inputs) one.waitingSince = null;
        await checkpointWhenIdle();
        return 0;
      }
      if (!(await options.isCurrent())) return 0;
      if (stages.length > 0) await parts.lookups.prefetch(inputs, stages);
      const starts = inputs.map((one) => one.position);
      starts.forEach((start, i) => {
        positions[i] = start;
      });
      const transaction = options.writer.transaction();
      const now = clock();
      let taken = 0;
      while (taken < options.maxBatchRecords) {
        const index = choose(now);
        if (index < 0) break;
        take(transaction, index);
        taken += 1;
        const one = inputs[index];
        if (one.index >= (one.batch?.count ?? 0)) break;
      }
      if (taken === 0) {
        transaction.abort();
        await checkpointWhenIdle();
        await options.waits.look();
        return 0;
      }
      try {
        await finish(transaction, starts);
      } catch (error) {
        transaction.abort();
        throw error;
      }
      for (const stage of stages) stage.reset();
      runs.reset();
      metrics.records.inc(taken);
      metrics.watermark.set({ application: application.id, partition: String(partition) }, parts.watermark);
      await options.waits.look();
      return taken;
    },
    close: async () => {
      for (const one of inputs) await one.close();
      await options.writer.close();
    },
  };
};
