import { setTimeout as pause } from "node:timers/promises";
import type { Broker, Reader, TopicPartition } from "../infra/broker/port.ts";
import { partitionKey } from "../infra/broker/port.ts";
import type { Clock } from "../infra/clock.ts";
import type { Entry, Expectation, OnlineStore } from "../infra/online-store/port.ts";
import { asMillraceError, isMillraceError, type MillraceError } from "../schemas/errors.ts";
import { onlineChanges } from "./online-changes.ts";
import { onlinePlaces, projectOf } from "./online-places.ts";
import type { OnCut } from "./places/cut.ts";

export type OnlineProjectorOptions = {
  broker: Broker;
  onlineStore: OnlineStore;
  /** Changelogs of all applications that there are now. One whose topic does not exist yet is tried again later. */
  changelogs: () => readonly string[];
  signal: AbortSignal;
  clock: Clock;
  /** Next offset by `topic/partition`, after they were written. */
  onOffsets?: (offsets: ReadonlyMap<string, number>) => void;
  onRetry?: (error: MillraceError) => void;
  /** The store held states that a changelog does not: the project's features are written again from the changelogs. */
  onCut?: OnCut;
  /** Called once: the store holds no state that the changelogs, as they were then, do not. */
  onChecked?: () => void;
  flushMs?: number;
};

const FLUSH_MS = 200;
/** Bytes of unwritten changes at which they are written before their time. */
const MAX_HELD_BYTES = 64 << 20;
const MAX_RECORDS = 8192;
/** How often new applications are looked for. */
const DISCOVER_MS = 1000;
const RETRY_MS = 250;

/**
 * Keeps the feature state of every application in the online store; resolves when the signal aborts. Only the
 * newest state of a key is written, at most every `flushMs`, together with the offsets that it reflects: a
 * restart goes on from there, and what is read twice is refused by its offset. Rejects with ONLINE_STORE_CHANGED when
 * the store has lost those offsets, and with them perhaps features.
 */
export const runOnlineFeatures = async (options: OnlineProjectorOptions): Promise<void> => {
  const { broker, onlineStore, signal, clock, flushMs = FLUSH_MS } = options;
  const changes = new Map<string, ReturnType<typeof onlineChanges>>();
  const places = onlinePlaces(broker, onlineStore, options.onCut ?? (() => {}));
  const { offsets } = places;
  const moved = new Set<string>();
  let partitions: TopicPartition[] = [];
  let reader: Reader | null = null;
  let discoveredAt = Number.NEGATIVE_INFINITY;
  let isChecked = false;

  const checked = (): void => {
    if (!isChecked) options.onChecked?.();
    isChecked = true;
  };

  /** What was gathered of the project: it is read again from the start. */
  const dropProject = (project: string): void => {
    for (const topic of changes.keys()) if (projectOf(topic) === project) changes.set(topic, onlineChanges(project));
    for (const place of [...moved]) if (projectOf(place) === project) moved.delete(place);
  };

  /** A changelog is gone or was made again: all begins with what the store has got. */
  const beginAnew = async (): Promise<void> => {
    await reader?.close();
    reader = null;
    partitions = [];
    changes.clear();
    moved.clear();
    places.forget();
    discoveredAt = Number.NEGATIVE_INFINITY;
  };

  const discover = async (): Promise<void> => {
    discoveredAt = clock();
    const added: TopicPartition[] = [];
    for (const topic of options.changelogs()) {
      if (changes.has(topic)) continue;
      const config = await broker.topic(topic);
      for (let partition = 0; partition < (config?.partitions ?? 0); partition++) added.push({ topic, partition });
    }
    if (added.length === 0) return;
    for (const project of await places.take(added)) dropProject(project);
    for (const { topic } of added) {
      if (!changes.has(topic)) changes.set(topic, onlineChanges(projectOf(topic)));
    }
    partitions = [...partitions, ...added];
    await reader?.close();
    reader = broker.reader({ partitions, from: offsets, maxRecords: MAX_RECORDS });
  };

  const poll = async (from: Reader): Promise<boolean> => {
    let isAny = false;
    for (const { topic, partition } of partitions) {
      const batch = await from.poll(topic, partition);
      if (batch === null || batch.count === 0) continue;
      isAny = true;
      changes.get(topic)?.add(batch);
      const place = partitionKey(topic, partition);
      offsets.set(place, batch.offsets[batch.count - 1] + 1);
      moved.add(place);
      if (signal.aborted) break;
    }
    return isAny;
  };

  const heldBytes = (): number => {
    let bytes = 0;
    for (const one of changes.values()) bytes += one.heldBytes;
    return bytes;
  };

  const flush = async (): Promise<void> => {
    const { before, behind, expected } = await places.writes(moved);
    const entries: Entry[] = before;
    for (const one of changes.values()) {
      for (const entry of one.drain()) entries.push(entry);
    }
    for (const entry of behind) entries.push(entry);
    moved.clear();
    while (!(await written(entries, expected))) {
      if (signal.aborted) return;
      await pause(RETRY_MS, undefined, { signal }).catch(() => {});
    }
    options.onOffsets?.(offsets);
  };

  const written = async (entries: readonly Entry[], expected: readonly Expectation[]): Promise<boolean> => {
    try {
      await onlineStore.setMany(entries, [], expected);
      return true;
    } catch (error) {
      const coded = asMillraceError(error);
      if (!coded.retryable) throw coded;
      options.onRetry?.(coded);
      return false;
    }
  };

  let flushedAt = clock();
  const round = async (): Promise<void> => {
    if (clock() - discoveredAt >= DISCOVER_MS) {
      await discover();
      checked();
    }
    if (reader === null) {
      await pause(flushMs, undefined, { signal }).catch(() => {});
      return;
    }
    const isAny = await poll(reader);
    const dueIn = flushedAt + flushMs - clock();
    if (moved.size > 0 && (dueIn <= 0 || heldBytes() >= MAX_HELD_BYTES)) {
      await flush();
      flushedAt = clock();
    } else if (!isAny) {
      await (reader as Reader).wait(moved.size > 0 ? dueIn : DISCOVER_MS, signal);
    }
  };

  const unlessOther = async (error: unknown): Promise<void> => {
    if (!isMillraceError(error, "LOG_CHANGED") && !isMillraceError(error, "UNKNOWN_TOPIC")) throw error;
    options.onRetry?.(error);
    await beginAnew();
    await pause(RETRY_MS, undefined, { signal }).catch(() => {});
  };

  try {
    while (!signal.aborted) await round().catch(unlessOther);
    if (moved.size > 0) await flush().catch(unlessOther);
  } finally {
    await (reader as Reader | null)?.close();
  }
};
