import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { type Running, type Started, until } from "../e2e/platform.ts";
import { isAlive, warehouseOf } from "../support/processes.ts";

/** What the documentation promises of a shutdown, whatever hangs. */
export const shutdownLimitMs = 15_000;

/** Sends the signal and answers how the process ended; fails when that took longer than a shutdown may. */
export const endsInTime = async (
  process: Started,
  signal: NodeJS.Signals = "SIGTERM",
  limitMs = shutdownLimitMs,
): Promise<{ code: number | null; ms: number; output: string }> => {
  const began = performance.now();
  process.child.kill(signal);
  let end: { code: number | null } | null = null;
  void process.ended.then((exit) => {
    end = exit;
  });
  const { code } = await until(`the end after ${signal}\n${process.output()}`, limitMs, async () => end);
  return { code, ms: performance.now() - began, output: process.output() };
};

/** The child of a platform that answers for its warehouse. */
export const warehouseChild = ({ child }: Started): number => {
  const found = warehouseOf(child.pid as number);
  assert.ok(found !== null, "there is no child");
  return found;
};

/** Freezes a process until the end of the test. */
export const freeze = (t: TestContext, pid: number): void => {
  process.kill(pid, "SIGSTOP");
  t.after(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
};

export const untilReady = (platform: Running): Promise<unknown> =>
  until("the platform is ready", 90_000, async () => (await fetch(`${platform.url}/health/ready`)).ok);
