import type { Position } from "../../infra/event-store/port.ts";
import { comparePositions, START } from "../../infra/event-store/port.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type BatchNotice, liveKey, noticeChannel, readGeneration, readPosition } from "../generations.ts";
import { documentsPrefix } from "./keys.ts";
import { documentsProjection } from "./projection.ts";

/** How often a reader looks whether a notice was lost on its way. */
const CHECK_MS = 1000;
/** The same while somebody waits for a position. */
const WAITING_CHECK_MS = 100;

/** What a reader knows of the live generation. */
export type LiveView = {
  /** Number of the live generation; null before the first event was ever projected. */
  generation(): Promise<number | null>;
  /** Asks the store which generation is live; true when it is another than thought. */
  refresh(): Promise<boolean>;
  /** Grows whenever something was dropped from the cache: a value read before must not be cached after. */
  epoch(): number;
  waitFor(position: Position, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
};

type Waiter = { position: Position; resolve(): void; reject(error: Error): void };

/**
 * Follows the notices of the documents projection. A position counts as reached only when the cache has dropped
 * what was changed up to it: notices say both in one message. A notice that does not join the one before, or a
 * checkpoint in the store that no notice told of, drops the whole cache.
 */
export const followLiveView = (
  onlineStore: OnlineStore,
  /** Drops these keys from the cache; all of it for null. */
  drop: (keys: readonly string[] | null) => void,
): LiveView => {
  const { name } = documentsProjection;
  let generation: number | null = null;
  let applied: Position = START;
  let epoch = 0;
  let closed = false;
  const waiters = new Set<Waiter>();

  const apply = (keys: readonly string[] | null, position: Position): void => {
    epoch++;
    drop(keys);
    applied = position;
    for (const waiter of waiters) {
      if (comparePositions(waiter.position, applied) <= 0) waiter.resolve();
    }
  };

  const onNotice = (message: string): void => {
    const notice = JSON.parse(message) as BatchNotice;
    const joins = notice.generation === generation && notice.from === applied;
    if (notice.generation === generation && comparePositions(notice.position, applied) <= 0) return;
    generation = notice.generation;
    apply(joins ? notice.keys : null, notice.position);
  };

  /** What the store says wins over what notices said. */
  const check = async (): Promise<boolean> => {
    const live = await readGeneration(onlineStore, liveKey(name));
    if (live === null) return false;
    const position = await readPosition(onlineStore, documentsPrefix(live.generation));
    const isOther = live.generation !== generation;
    if (!isOther && comparePositions(position, applied) <= 0) return false;
    // A notice may have come while the store was asked, and know more.
    if (isOther && generation !== null && live.generation < generation) return false;
    generation = live.generation;
    apply(null, position);
    return isOther;
  };

  const subscribed = onlineStore.subscribe(noticeChannel(name), onNotice);
  const ready = subscribed.then(check);
  ready.catch(() => {});
  let lastSeen: Position = START;
  const timer = setInterval(() => {
    if (waiters.size > 0 || applied === lastSeen) void check().catch(() => {});
    lastSeen = applied;
  }, CHECK_MS);
  timer.unref();

  const wait = (position: Position, timeoutMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(limit);
        clearInterval(poll);
        waiters.delete(waiter);
      };
      const waiter: Waiter = {
        position,
        resolve() {
          end();
          resolve();
        },
        reject(error) {
          end();
          reject(error);
        },
      };
      const limit = setTimeout(() => {
        const message = `The documents reflect position ${applied}, not ${position}, after ${timeoutMs} ms; ask again, or without a position.`;
        waiter.reject(new MillraceError("PROJECTION_BEHIND", message, { details: { position, applied } }));
      }, timeoutMs);
      const poll = setInterval(() => void check().catch(() => {}), WAITING_CHECK_MS);
      waiters.add(waiter);
    });

  return {
    async generation() {
      await ready;
      if (generation === null) await check();
      return generation;
    },
    refresh: check,
    epoch: () => epoch,
    async waitFor(position, timeoutMs) {
      await ready;
      if (comparePositions(position, applied) <= 0) return;
      if (closed) throw new MillraceError("CLOSED", "The document reader is closed.");
      await check();
      if (comparePositions(position, applied) > 0) await wait(position, timeoutMs);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      for (const waiter of waiters) waiter.reject(new MillraceError("CLOSED", "The document reader is closed."));
      await (await subscribed)();
    },
  };
};
