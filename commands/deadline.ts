import { MillraceError } from "../schemas/errors.ts";

/** How long the engines may take to answer a command, milliseconds, its waits for other commands included. */
export const COMMAND_DEADLINE_MS = 15_000;
const RECHECK_MS = 1_000;

export type CommandDeadline = {
  /** What the command may wait for: its stream, and what it has to take turns over. */
  waitsFor: readonly string[];
  /** Before something is written: ENGINE_UNAVAILABLE when the command was answered so already. */
  beforeWriting(): void;
  /** The work that a decision needs (loading a dataset, inspecting a model) has limits of its own: the clock stands. */
  outside<T>(work: () => Promise<T>): Promise<T>;
};

export type CommandDeadlines = {
  /**
   * What `work` answers, or ENGINE_UNAVAILABLE at the deadline; `work` then ends before its next write. The message and
   * `details.outcome` ("nothing-written" or "unknown") say whether something may have been written.
   */
  within<T>(command: string, work: (deadline: CommandDeadline) => Promise<T>): Promise<T>;
};

export const commandDeadlines = (limitMs: number = COMMAND_DEADLINE_MS): CommandDeadlines => {
  /** Commands at work outside, by what they hold meanwhile. */
  const outside = new Map<string, number>();
  const count = (keys: readonly string[], by: number): void => {
    for (const key of keys) {
      const now = (outside.get(key) ?? 0) + by;
      if (now > 0) outside.set(key, now);
      else outside.delete(key);
    }
  };

  return {
    async within(command, work) {
      const { promise: late, reject } = Promise.withResolvers<never>();
      let isOver = false;
      let isWriting = false;
      const deadline: CommandDeadline = {
        waitsFor: [],
        beforeWriting() {
          if (isOver) throw unanswered(command, limitMs, isWriting);
          isWriting = true;
        },
        async outside(ask) {
          const held = deadline.waitsFor;
          count(held, 1);
          try {
            return await ask();
          } finally {
            count(held, -1);
          }
        },
      };
      const expire = (): void => {
        if (deadline.waitsFor.some((key) => outside.has(key))) {
          timer = setTimeout(expire, Math.min(RECHECK_MS, limitMs));
          return;
        }
        isOver = true;
        reject(unanswered(command, limitMs, isWriting));
      };
      let timer = setTimeout(expire, limitMs);
      try {
        return await Promise.race([work(deadline), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
};

const unanswered = (command: string, limitMs: number, isWriting: boolean): MillraceError => {
  const said = `the event store did not answer ${command} within ${limitMs} ms`;
  return isWriting
    ? unknownOutcome(said)
    : new MillraceError("ENGINE_UNAVAILABLE", `${said}; nothing was written, try again`, {
        details: { outcome: "nothing-written" },
      });
};

/** ENGINE_UNAVAILABLE of a write that may have happened. */
export const unknownOutcome = (said: string, cause?: unknown): MillraceError =>
  new MillraceError(
    "ENGINE_UNAVAILABLE",
    `${said}; whether it was written is not known: look, or repeat it with the same idempotency key, which is safe`,
    { details: { outcome: "unknown" }, cause },
  );
