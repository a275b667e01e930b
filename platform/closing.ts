import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export type ClosingStep = {
  /** As the log names what had to be cut off. */
  name: string;
  /** How long it may take. What closes at once may leave it out. */
  withinMs?: number;
  /** May answer the names of what it cut off itself. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most have nothing to answer.
  close(): Promise<readonly string[] | void> | readonly string[] | void;
  /** Called when it has not closed in time: ends by force what can be ended. */
  cut?(): void;
};

export type Closing = {
  /** To be closed before everything that was added earlier; at once when all has been closed. */
  add(step: ClosingStep): void;
  /**
   * Closes everything within 14 s, whatever hangs, and answers the names of what was cut off. A second call waits for
   * the first.
   */
  close(): Promise<readonly string[]>;
};

/** Of all steps together, but for what is left of them when it is over: each gets `atLeastMs` then. */
const togetherMs = 12_000;
const atLeastMs = 150;
const usualMs = 500;

export const closing = (logger: Logger): Closing => {
  const steps: ClosingStep[] = [];
  const cutOff: string[] = [];
  let closed: Promise<readonly string[]> | null = null;

  const end = async ({ name, withinMs = usualMs, close, cut }: ClosingStep, leftMs: number): Promise<void> => {
    const late = Symbol();
    const patience = new AbortController();
    const work = Promise.resolve()
      .then(close)
      .catch((error: unknown) => logger.error({ err: error, part: name }, "closing"));
    const ended = await Promise.race([
      work,
      sleep(Math.max(atLeastMs, Math.min(withinMs, leftMs)), late, patience).catch(() => late),
    ]);
    patience.abort();
    if (ended !== late) {
      cutOff.push(...((ended as readonly string[] | undefined) ?? []));
      return;
    }
    cutOff.push(name);
    logger.error({ part: name }, "did not close in time and is cut off");
    cut?.();
  };

  const closeAll = async (): Promise<readonly string[]> => {
    const until = performance.now() + togetherMs;
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await end(step, until - performance.now());
    return cutOff;
  };

  return {
    add(step) {
      if (closed === null) steps.push(step);
      else void end(step, usualMs);
    },
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
};
