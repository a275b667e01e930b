import assert from "node:assert/strict";
import type { Decider } from "../../commands/decider.ts";
import type { ErrorCode } from "../../schemas/errors.ts";

export const now = Date.UTC(2026, 0, 1);

/** Given past events, when this command, then these events or this error. */
export const spec = <State, Command, Event>(decider: Decider<State, Command, Event>) => ({
  given: (...past: Event[]) => ({
    when(command: Command, actor = "ann") {
      const before = past.reduce(decider.evolve, decider.initial);
      const frozen = structuredClone(before);
      const decide = () => decider.decide(command, before, { now, actor });
      return {
        // biome-ignore lint/suspicious/noThenProperty: given, when, then are the words of the specification; nothing awaits it
        then(...expected: Event[]): void {
          const events = decide();
          assert.deepEqual(events, expected);
          assert.deepEqual(before, frozen, "deciding must not change the state");
          events.reduce(decider.evolve, before);
          assert.deepEqual(before, frozen, "evolving must not change the state");
        },
        thenError(code: ErrorCode, message?: RegExp): void {
          assert.throws(decide, (error: { code: string; message: string }) => {
            assert.equal(error.code, code, error.message);
            if (message !== undefined) assert.match(error.message, message);
            return true;
          });
        },
      };
    },
  }),
});
