import assert from "node:assert/strict";
import { isMillraceError } from "../../schemas/errors.ts";

export type Budget = {
  /** Milliseconds of the processor: other processes on the machine do not count. */
  ms?: number;
  /** Megabytes by which the resident set may grow. */
  mb?: number;
};

const megabytes = (): number => process.memoryUsage().rss / 1e6;

/** Runs something on strangers' input and fails if it took more than the budget. */
export const within = <T>({ ms = 500, mb = 100 }: Budget, run: () => T): T => {
  const memory = megabytes();
  const before = process.cpuUsage();
  try {
    return run();
  } finally {
    const { user, system } = process.cpuUsage(before);
    const took = Math.round((user + system) / 1000);
    assert.ok(took <= ms, `took ${took} ms, the budget is ${ms} ms`);
    const grown = Math.round(megabytes() - memory);
    assert.ok(grown <= mb, `took ${grown} MB, the budget is ${mb} MB`);
  }
};

/** Within the budget it is refused with the code, and a message that a person can act on. */
export const refusedWithin = (budget: Budget, code: string, message: RegExp, run: () => unknown): void => {
  let refusal: unknown = null;
  within(budget, () => {
    try {
      run();
    } catch (error) {
      refusal = error;
    }
  });
  assert.ok(isMillraceError(refusal), `expected ${code}, got ${String(refusal)}`);
  assert.equal(refusal.code, code, refusal.message);
  assert.match(refusal.message, message);
  assert.ok(refusal.message.length < 10_000, `a message of ${refusal.message.length} characters`);
};
