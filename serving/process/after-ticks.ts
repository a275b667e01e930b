const ticks = 10;

/**
 * Calls back after so many milliseconds in which this thread was alive: where it stood still itself, or the machine
 * slept, an answer that is already there comes first. Answers how to call it off.
 */
export const afterTicks = (timeoutMs: number, late: () => void): (() => void) => {
  let left = ticks;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    late();
  }, timeoutMs / ticks);
  return () => clearInterval(timer);
};
