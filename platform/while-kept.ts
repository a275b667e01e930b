import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { OnlineStore } from "../infra/online-store/port.ts";
import { isMillraceError } from "../schemas/errors.ts";

const lookMs = 2_000;

/**
 * Runs work whose place is kept in the online store, and anew from what the store then holds when that was lost: an
 * online store may be emptied at any time, for all that it holds can be derived again. `name` is the work's own.
 */
export const whileKept = async (
  {
    onlineStore,
    name,
    logger,
    signal,
  }: { onlineStore: OnlineStore; name: string; logger: Logger; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const mark = `kept:${name}`;
  for (;;) {
    await onlineStore.setMany([{ key: mark, value: Buffer.from("1") }]);
    const lost = new AbortController();
    const both = AbortSignal.any([signal, lost.signal]);
    const watch = (async () => {
      while (!both.aborted) {
        await sleep(lookMs, undefined, { signal: both }).catch(() => {});
        // A store that does not answer has lost nothing yet.
        if (both.aborted || (await onlineStore.get(mark).catch(() => mark)) !== null) continue;
        logger.warn({ part: name }, "the online store was emptied: it is filled again from the logs");
        lost.abort();
      }
    })();
    try {
      await work(both);
      if (!lost.signal.aborted) return;
    } catch (error) {
      if (!isMillraceError(error, "ONLINE_STORE_CHANGED")) throw error;
      logger.warn({ part: name }, "the online store has lost what was written there: it is filled again from the logs");
    } finally {
      lost.abort();
      await watch;
    }
  }
};
