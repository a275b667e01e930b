import { setTimeout as pause } from "node:timers/promises";
import type { Broker } from "../../infra/broker/port.ts";
import type { Clock } from "../../infra/clock.ts";
import type { Tried } from "../../infra/report.ts";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import { asMillraceError, isMillraceError, type MillraceError } from "../../schemas/errors.ts";
import type { OnCut } from "../places/cut.ts";
import { sourceOf } from "./follow.ts";
import { type Rows, rowsOf } from "./rows.ts";
import { type DecodeFeatures, featureValueSink } from "./sinks/feature-values.ts";
import { deadLetterSink, driftSink, tileSink } from "./sinks/low-volume.ts";
import { metricSinks } from "./sinks/metrics.ts";
import { outcomeSink } from "./sinks/outcomes.ts";
import { predictionSink } from "./sinks/predictions.ts";
import type { Sink, SinkAssignment, SinkKind } from "./sinks/sink.ts";

export type { DecodeFeatures } from "./sinks/feature-values.ts";
export type { SinkAssignment, SinkKind } from "./sinks/sink.ts";

/** An insert that is in: the records that it came from, its rows, and how long the warehouse took. */
export type SinkProgress = {
  kind: SinkKind;
  records: number;
  rows: number;
  bytes: number;
  ms: number;
  /** Last offset by `topic/partition`. */
  offsets: ReadonlyMap<string, number>;
};

export type RunSinksOptions = {
  broker: Broker;
  warehouse: Warehouse;
  /** Which topics go into the warehouse at the moment; asked again every second. */
  topics: () => readonly SinkAssignment[];
  /** Features out of a changelog's records; without it changelogs are not followed. */
  decodeFeatures?: DecodeFeatures;
  signal: AbortSignal;
  clock: Clock;
  /** An insert is sent after so many records or milliseconds; after twice the time where there is much to send. */
  flushRecords?: number;
  flushMs?: number;
  /** Pause before what failed is tried again. */
  retryMs?: number;
  onProgress?: (progress: SinkProgress) => void;
  /** A table held rows that a topic's log does not hold: they were deleted. */
  onCut?: OnCut;
  /** Called once: no table holds rows that the logs of its topics, as they were then, do not. */
  onChecked?: () => void;
  /** The warehouse is away or refuses (the same rows are tried again), or a record was left out as undecodable. */
  onError?: (kind: SinkKind, error: MillraceError) => void;
  /** Of each table: told when its inserts or reads fail, and when all of them work again. */
  tried?: (table: string) => Tried;
};

const assignEveryMs = 1_000;
const mostBytes = 64 << 20;
/** From here on larger inserts are worth more than early ones: fewer parts, fewer merges. */
const busyRecords = 10_000;

/**
 * Follows the topics into the warehouse until the signal aborts. Every row is there exactly once: an insert is whole
 * or absent and is recognised when it is sent again, and a sink goes on behind the newest record that its table holds.
 * Memory is bounded: while one insert is under way the next is gathered, and then the topics wait.
 */
export const runSinks = async (options: RunSinksOptions): Promise<void> => {
  const sinks = [predictionSink(), outcomeSink(), driftSink(), tileSink(), deadLetterSink(), ...metricSinks()];
  if (options.decodeFeatures !== undefined) sinks.push(featureValueSink(options.decodeFeatures));
  let unchecked = sinks.length;
  const checked = (): void => {
    unchecked--;
    if (unchecked === 0) options.onChecked?.();
  };
  await Promise.all(sinks.map((sink) => runSink(sink, options, checked)));
};

const runSink = async (sink: Sink, options: RunSinksOptions, checked: () => void): Promise<void> => {
  const { broker, warehouse, signal, clock, flushRecords = 50_000, flushMs = 500, retryMs = 1_000 } = options;
  const report = (error: unknown): void => options.onError?.(sink.kind, asMillraceError(error));
  const tried = options.tried?.(sink.table);
  const failed = { inserting: false, reading: false };
  const failure = (of: keyof typeof failed, error: unknown): void => {
    isOther ||= isMillraceError(error, "LOG_CHANGED");
    failed[of] = true;
    report(error);
    tried?.failed(error);
  };
  const success = (of: keyof typeof failed): void => {
    if (!failed[of]) return;
    failed[of] = false;
    if (!failed.inserting && !failed.reading) tried?.worked();
  };
  let filling = rowsOf(sink, report);
  let spare = rowsOf(sink, report);
  let inFlight: Promise<void> = Promise.resolve();
  let assignedAt = Number.NEGATIVE_INFINITY;
  let since = 0;
  let isChecked = false;
  /** A topic is another than the one that was read. */
  let isOther = false;
  const source = sourceOf(broker, warehouse, sink, { onCut: options.onCut, settled: () => inFlight });

  const insert = async (rows: Rows): Promise<void> => {
    const body = rows.bytes();
    while (!signal.aborted) {
      const started = performance.now();
      try {
        const logs = await source.keep(rows);
        if (rows.count > 0) await warehouse.insert(sink, body, rows.token(logs));
        success("inserting");
        options.onProgress?.({
          kind: sink.kind,
          records: rows.records,
          rows: rows.count,
          bytes: body.length,
          ms: performance.now() - started,
          offsets: new Map([...rows.ranges].map(([key, { last }]) => [key, last])),
        });
        return;
      } catch (error) {
        if (!signal.aborted) failure("inserting", error);
        if (isOther) return;
        await pause(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  };

  /** What was gathered may be of a log that is gone: all begins again with what the table has. */
  const beginAnew = async (): Promise<void> => {
    await inFlight;
    filling.reset();
    await source.forget();
    assignedAt = Number.NEGATIVE_INFINITY;
    isOther = false;
  };

  try {
    while (!signal.aborted) {
      try {
        if (isOther) await beginAnew();
        if (clock() - assignedAt >= assignEveryMs) {
          await source.assign(options.topics());
          assignedAt = clock();
          if (!isChecked) checked();
          isChecked = true;
        }
        const wasEmpty = filling.records === 0;
        const took = await source.fill(filling, flushRecords);
        success("reading");
        if (wasEmpty && took) since = clock();
        const waited = clock() - since;
        const patienceMs = filling.records >= busyRecords ? 2 * flushMs : flushMs;
        const isFull = filling.records >= flushRecords || filling.length >= mostBytes;
        if (filling.records > 0 && (isFull || waited >= patienceMs)) {
          await inFlight;
          if (signal.aborted) break;
          spare.reset();
          [filling, spare] = [spare, filling];
          inFlight = insert(spare);
        } else if (!took) {
          await source.wait(filling.records === 0 ? assignEveryMs : Math.max(1, patienceMs - waited), signal);
        }
      } catch (error) {
        if (signal.aborted) break;
        failure("reading", error);
        await pause(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    await inFlight;
  } finally {
    await source.close();
  }
};
