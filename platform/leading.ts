import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Broker } from "../infra/broker/port.ts";
import { asMillraceError } from "../schemas/errors.ts";

export type LeadingOptions = {
  broker: Broker;
  group: string;
  logger: Logger;
  signal: AbortSignal;
  /** Another leads: there is nothing to be done here for now. */
  onFollowing?: () => void;
};

const retryMs = 1_000;

/**
 * Does what only one process may do at a time: the work runs while this process leads its group, stops when another
 * takes over, and begins anew after an engine has been away. Rejects with what trying again cannot mend.
 */
export const whileLeading = async (
  { broker, group, logger, signal, onFollowing = () => {} }: LeadingOptions,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const membership = await broker.join(group, { index: 0, of: 1 });
  membership.subscribe([]);
  try {
    while (!signal.aborted) {
      const seen = membership.revision();
      if (!membership.owns(0)) {
        if (seen > 0) onFollowing();
        await membership.changed(seen, signal);
        continue;
      }
      const ended = new AbortController();
      const both = AbortSignal.any([signal, ended.signal]);
      const watch = untilLost(membership, both).then(() => ended.abort());
      try {
        await work(both);
      } catch (error) {
        if (!asMillraceError(error).retryable) throw error;
        if (!both.aborted) {
          logger.warn({ err: error, group, retryInMs: retryMs }, "an engine does not answer; will be tried again");
          await sleep(retryMs, undefined, { signal }).catch(() => {});
        }
      } finally {
        ended.abort();
        await watch;
      }
    }
  } finally {
    await membership.leave();
  }
};

const untilLost = async (membership: Awaited<ReturnType<Broker["join"]>>, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && membership.owns(0)) await membership.changed(membership.revision(), signal);
};
