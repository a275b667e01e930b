import type { EventStore, Position } from "../infra/event-store/port.ts";
import { comparePositions, START } from "../infra/event-store/port.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import type { Tried } from "../infra/report.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { Follower, Projection, WrittenBatch } from "./follower.ts";
import { follow } from "./follower.ts";
import type { BatchNotice, Generation } from "./generations.ts";
import {
  buildingKey,
  encodeGeneration,
  liveKey,
  noticeChannel,
  readGeneration,
  readMarks,
  readPosition,
} from "./generations.ts";
import { lifecycleLog, type OnCut, reasonOf } from "./places/cut.ts";
import { isAnyReadable, readSkipped } from "./skipped-streams.ts";

/** How far a build is. `rate` is events a second since it began; `head` the newest position when it began. */
export type BuildProgress = { generation: number; events: number; rate: number; position: Position; head: Position };

export type BuildResult = { generation: number; events: number; ms: number; position: Position };

export type ProjectionOptions = {
  projection: Projection;
  eventStore: EventStore;
  onlineStore: OnlineStore;
  signal: AbortSignal;
  /** Position that reads of the live generation now reflect. */
  onPosition?: (position: Position) => void;
  /** Of a build beside the live generation. */
  onProgress?: (progress: BuildProgress) => void;
  /** The store reflected events that the log does not hold: its documents are folded again from the first event. */
  onCut?: OnCut;
  /** Most events of a batch. */
  maxEvents?: number;
  /** Of the writes into the online store. */
  tried?: Tried;
};

export type RunningProjection = {
  /** Resolves when reads reflect this version of the projection and all history that there was. */
  caughtUp: Promise<void>;
  /** Builds the present version anew beside the live generation; resolves when it has taken over. */
  rebuild(onProgress?: (progress: BuildProgress) => void): Promise<BuildResult>;
  /** Resolves after the signal's abort, rejects with what ended the projection. */
  done: Promise<void>;
};

type Build = { promise: Promise<BuildResult>; resolve(result: BuildResult): void; reject(error: unknown): void };

/**
 * Keeps one projection over the event store. It goes on where it stopped; writing a batch again changes nothing.
 *
 * The first generation is live from its first event. Every later one, of a new version or a rebuild, is built
 * beside the live one and takes over when it reflects at least as much; only then is the old one cleared. While
 * another *version* is built, the old generation stands still: this release has no code that could keep it. So it does
 * where it has left out a stream that can be read now.
 */
export const runProjection = (options: ProjectionOptions): RunningProjection => {
  const { projection, eventStore, onlineStore } = options;
  const { name, version } = projection;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const followers = new Set<Follower>();
  const caughtUp = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let live: Generation | null = null;
  let liveFollower: Follower | null = null;
  let build: Build | null = null;
  let historyEnd: Position = START;

  const announce = async (generation: number, batch: WrittenBatch, after: Position): Promise<void> => {
    const isHistory = comparePositions(batch.position, historyEnd) <= 0;
    const keys = isHistory ? null : batch.changes.keys;
    const notice: BatchNotice = { generation, from: batch.from, position: batch.position, keys };
    await onlineStore.publish(noticeChannel(name), JSON.stringify(notice));
    if (!isHistory) {
      const since = comparePositions(after, historyEnd) > 0 ? after : historyEnd;
      await Promise.all(
        batch.changes.messages(since).map(({ channel, message }) => onlineStore.publish(channel, message)),
      );
    }
    options.onPosition?.(batch.position);
  };

  const startFollower = (generation: number, onBatch: (batch: WrittenBatch) => Promise<void>): Follower => {
    const { maxEvents, tried } = options;
    const follower = follow({ projection, generation, eventStore, onlineStore, signal, maxEvents, tried, onBatch });
    followers.add(follower);
    follower.done.catch(fail).finally(() => followers.delete(follower));
    return follower;
  };

  const followLive = (generation: Generation): void => {
    live = generation;
    liveFollower = startFollower(generation.generation, async (batch) => {
      if (batch.events > 0) await announce(generation.generation, batch, batch.from);
      if (batch.caughtUp) caughtUp.resolve();
    });
  };

  const clearReplaced = async ({ replaced, ...kept }: Generation): Promise<void> => {
    if (replaced === undefined) return;
    await onlineStore.clear(projection.prefix(replaced));
    await onlineStore.setMany([{ key: liveKey(name), value: encodeGeneration(kept) }]);
  };

  const abandon = async (build: Generation): Promise<void> => {
    await onlineStore.clear(projection.prefix(build.generation));
    await onlineStore.setMany([{ key: buildingKey(name), value: null }]);
  };

  /** Runs inside the new follower's loop, between two of its batches: nothing moves while it decides. */
  const takeOver = async (next: Generation, batch: WrittenBatch, stoppedAt: Position): Promise<void> => {
    live = { ...next, replaced: live?.generation };
    await onlineStore.setMany([
      { key: liveKey(name), value: encodeGeneration(live) },
      { key: buildingKey(name), value: null },
    ]);
    const notice: BatchNotice = { generation: next.generation, from: START, position: batch.position, keys: null };
    await onlineStore.publish(noticeChannel(name), JSON.stringify(notice));
    await announce(next.generation, batch, stoppedAt);
    caughtUp.resolve();
    await clearReplaced(live);
  };

  const followBuild = async (next: Generation, onProgress?: (progress: BuildProgress) => void): Promise<void> => {
    const head = await eventStore.head();
    const started = performance.now();
    let events = 0;
    /** Where the old generation ended; null while it still moves. */
    let stoppedAt: Position | null = null;
    let isLive = false;
    const follower = startFollower(next.generation, async (batch) => {
      if (isLive) {
        if (batch.events > 0) await announce(next.generation, batch, batch.from);
        return;
      }
      events += batch.events;
      const ms = performance.now() - started;
      const rate = ms > 0 ? (events / ms) * 1000 : 0;
      onProgress?.({ generation: next.generation, events, rate, position: batch.position, head });
      if (!batch.caughtUp) return;
      if (stoppedAt === null) {
        if (liveFollower !== null) {
          await liveFollower.reached(batch.position);
          await liveFollower.stop();
        }
        if (signal.aborted) return;
        stoppedAt = await readPosition(onlineStore, projection.prefix(live?.generation ?? 0));
      }
      if (comparePositions(batch.position, stoppedAt) < 0) return;
      await takeOver(next, batch, stoppedAt);
      isLive = true;
      liveFollower = follower;
      const built = build;
      build = null;
      built?.resolve({
        generation: next.generation,
        events,
        ms: performance.now() - started,
        position: batch.position,
      });
    });
  };

  const startBuild = (
    generation: () => Promise<Generation>,
    onProgress?: (progress: BuildProgress) => void,
  ): Promise<BuildResult> => {
    const started: Build = Promise.withResolvers<BuildResult>();
    started.promise.catch(() => {});
    build = started;
    generation()
      .then((next) => followBuild(next, onProgress))
      .catch(fail);
    return started.promise;
  };

  const newGeneration = async (): Promise<Generation> => {
    const abandoned = await readGeneration(onlineStore, buildingKey(name));
    if (abandoned !== null) await abandon(abandoned);
    const next = { generation: Math.max(live?.generation ?? 0, abandoned?.generation ?? 0) + 1, version };
    await onlineStore.setMany([{ key: buildingKey(name), value: encodeGeneration(next) }]);
    return next;
  };

  /** Whether a generation reflects nothing but what the log holds. */
  const isOfLog = async (generation: Generation): Promise<boolean> => {
    const prefix = projection.prefix(generation.generation);
    const from = await readPosition(onlineStore, prefix);
    const agreed = await eventStore.agreed(await readMarks(onlineStore, prefix), from);
    if (comparePositions(agreed.position, from) >= 0) return true;
    options.onCut?.({ store: name, log: lifecycleLog, partition: 0, from, to: START, reason: reasonOf(agreed) });
    return false;
  };

  /** A generation that reflects what never was is not read any longer: one of another number begins at once. */
  const discard = async (generation: Generation, begun: Generation | null): Promise<void> => {
    const number = Math.max(generation.generation, begun?.generation ?? 0) + 1;
    const next = { generation: number, version, replaced: generation.generation };
    await onlineStore.clear(projection.prefix(number));
    await onlineStore.setMany([{ key: liveKey(name), value: encodeGeneration(next) }]);
    await clearReplaced(next);
    if (begun !== null) await abandon(begun);
    followLive(next);
  };

  const start = async (): Promise<void> => {
    historyEnd = await eventStore.head();
    const stored = await readGeneration(onlineStore, liveKey(name));
    let begun = await readGeneration(onlineStore, buildingKey(name));
    if (stored !== null && !(await isOfLog(stored))) return discard(stored, begun);
    if (begun !== null && !(await isOfLog(begun))) {
      await abandon(begun);
      begun = null;
    }
    if (stored === null) {
      const first = { generation: (begun?.generation ?? 0) + 1, version };
      // What a store that lost the most may still hold of it: documents that are there would not be written again.
      await onlineStore.clear(projection.prefix(first.generation));
      await onlineStore.setMany([{ key: liveKey(name), value: encodeGeneration(first) }]);
      followLive(first);
      return;
    }
    await clearReplaced(stored);
    const skipped = await readSkipped(onlineStore, projection.prefix(stored.generation));
    const isWhole = stored.version === version && !(await isAnyReadable(eventStore, skipped));
    if (isWhole) followLive(stored);
    else live = stored;
    if (begun?.version === version) startBuild(async () => begun, options.onProgress);
    else if (!isWhole) startBuild(newGeneration, options.onProgress);
    else if (begun !== null) await abandon(begun);
  };

  const fail = (error: unknown): void => {
    build?.reject(error);
    caughtUp.reject(error);
    ended.reject(error);
    failed.abort();
  };
  const finish = async (): Promise<void> => {
    await started.catch(() => {});
    await Promise.allSettled([...followers].map((follower) => follower.done));
    const closed = new MillraceError("CLOSED", `The projection ${name} was stopped; start it again to go on.`);
    build?.reject(closed);
    caughtUp.reject(closed);
    ended.resolve();
  };
  caughtUp.promise.catch(() => {});
  ended.promise.catch(() => {});
  const started = start();
  started.catch(fail);
  if (signal.aborted) void finish();
  else signal.addEventListener("abort", () => void finish(), { once: true });

  return {
    caughtUp: caughtUp.promise,
    async rebuild(onProgress) {
      await started;
      if (build !== null) return build.promise;
      if (signal.aborted) throw new MillraceError("CLOSED", `The projection ${name} was stopped; start it again.`);
      return startBuild(newGeneration, onProgress);
    },
    done: ended.promise,
  };
};
