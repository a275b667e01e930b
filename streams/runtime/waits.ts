import type { Broker } from "../../infra/broker/port.ts";
import type { Report } from "../../infra/report.ts";
import type { SchemaCache, TaskInput } from "./input.ts";
import { tailTime } from "./log-tail.ts";
import type { StreamsMetrics } from "./metrics.ts";

/**
 * How long tasks wait for an input that has nothing to take, so that the order in which records are taken is that of
 * their event times and not that of their arrival.
 *
 * While history is loaded, that is while the event at hand is a minute or more behind the clock, the input is waited
 * for, as Flink does, until its source has passed that time in any partition. A source that is produced to is waited for
 * without end. One that is not, by anybody, for `sourceIdleMs` is silent (Flink's `withIdleness`): the tasks go on
 * without it until somebody produces to it again.
 *
 * At the live edge a wait is over after `maxTaskIdleMs`, counted from when the input ran dry.
 */
export type Waits = {
  /** Told of each batch that a task has read: its source and the newest event time in it. */
  read(topic: string, newest: number): void;
  /** Whether a task may take an event of this time without waiting for the empty input any longer. */
  isOver(input: TaskInput, time: number, now: number): boolean;
  /** After a step: looks how far the sources are that were waited for, or have been silent. */
  look(): Promise<void>;
};

export type WaitOptions = {
  broker: Broker;
  schemas: SchemaCache;
  clock: () => number;
  maxTaskIdleMs: number;
  sourceIdleMs: number;
  metrics: Pick<StreamsMetrics, "waitsEnded">;
  logger: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /** Told of sources that have fallen silent; nothing is wrong with the platform for that. */
  note: Report;
};

/** What is known of a source, by all tasks of a thread. */
type Source = {
  topic: string;
  /** Newest event time in its log. */
  newest: number;
  /** When its log was last seen to grow. */
  grownAt: number;
  highs: number[];
  lookedAt: number;
  silent: boolean;
  toldAt: number;
};

const liveEdgeMs = 60_000;
const lookEveryMs = 100;
/** Waits at the live edge end again and again: they are told of at most so often. */
const tellEveryMs = 60_000;

export const waits = (options: WaitOptions): Waits => {
  const { broker, schemas, clock, maxTaskIdleMs, sourceIdleMs, metrics, logger, note } = options;
  const sources = new Map<string, Source>();
  const wanted = new Map<string, TaskInput>();

  const sourceOf = (topic: string): Source => {
    const known = sources.get(topic);
    if (known !== undefined) return known;
    const never = Number.NEGATIVE_INFINITY;
    const made = {
      topic,
      newest: never,
      grownAt: never,
      highs: [],
      lookedAt: never,
      silent: false,
      toldAt: never,
    };
    sources.set(topic, made);
    return made;
  };

  const grown = (source: Source, newest: number, now: number): void => {
    if (newest > source.newest) source.newest = newest;
    source.grownAt = now;
    if (!source.silent) return;
    source.silent = false;
    note(partOf(source), null);
  };

  const endsLive = (source: Source, input: TaskInput, now: number): void => {
    if (input.waitingSince === null) return;
    input.waitingSince = null;
    metrics.waitsEnded.inc({ topic: source.topic, why: "live" });
    if (now - source.toldAt < tellEveryMs) return;
    source.toldAt = now;
    logger.info(
      { topic: source.topic, maxTaskIdleMs },
      "a wait for an input ends: what it brings later is taken later",
    );
  };

  const fallsSilent = (source: Source): void => {
    source.silent = true;
    metrics.waitsEnded.inc({ topic: source.topic, why: "silent" });
    note(partOf(source), `nobody has produced to ${source.topic} for ${sourceIdleMs} ms: tasks go on without it`);
    logger.warn(
      { topic: source.topic, sourceIdleMs },
      "a source is silent while others bring history: tasks go on without it, and the order depends on when it speaks",
    );
  };

  /** Of what it was silent before an event of another came half is granted: all may have paused, and this one comes next. */
  const silentAt = ({ grownAt }: Source, waitingSince: number): number => {
    const patience = Math.max(maxTaskIdleMs, sourceIdleMs);
    if (grownAt === Number.NEGATIVE_INFINITY) return waitingSince + patience;
    return Math.max(grownAt + patience, waitingSince + patience / 2);
  };

  const isOverForHistory = (source: Source, input: TaskInput, time: number, now: number): boolean => {
    if (source.newest > time) {
      input.waitingSince = null;
      return true;
    }
    wanted.set(source.topic, input);
    if (source.silent) return true;
    input.waitingSince ??= now;
    const isKnown = now - source.lookedAt <= 2 * lookEveryMs;
    if (!isKnown || now < silentAt(source, input.waitingSince)) return false;
    fallsSilent(source);
    return true;
  };

  return {
    read: (topic, newest) => grown(sourceOf(topic), newest, clock()),
    isOver: (input, time, now) => {
      if (input.emptySince === null || now - input.emptySince < maxTaskIdleMs) {
        input.waitingSince ??= now;
        return false;
      }
      const source = sourceOf(input.input.topic);
      if (time < now - liveEdgeMs) return isOverForHistory(source, input, time, now);
      endsLive(source, input, now);
      return true;
    },
    look: async () => {
      if (wanted.size === 0) return;
      const now = clock();
      for (const [topic, { input }] of wanted) {
        const source = sourceOf(topic);
        if (now - source.lookedAt < lookEveryMs) continue;
        const isFirst = source.highs.length === 0;
        const marks = await broker.watermarks(topic);
        let newest = Number.NEGATIVE_INFINITY;
        let grew = false;
        for (let partition = 0; partition < marks.length; partition++) {
          if (marks[partition].high === (source.highs[partition] ?? 0)) continue;
          grew = true;
          newest = Math.max(newest, await tailTime({ broker, schemas, input }, partition, marks[partition]));
        }
        source.highs = marks.map(({ high }) => high);
        if (grew && isFirst) source.newest = Math.max(source.newest, newest);
        else if (grew) grown(source, newest, now);
        source.lookedAt = clock();
      }
      wanted.clear();
    },
  };
};

const partOf = ({ topic }: Source): string => `source ${topic}`;
