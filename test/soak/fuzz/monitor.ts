import { residentBytes, waitedForProcessor } from "../../support/processes.ts";
import type { Target } from "./target.ts";

const everyMs = 1000;
/** Longer than this, `/health/live` has stalled. */
export const stallMs = 1000;
/** After so long without an answer, the platform is hung. */
const hungMs = 30_000;

export type Health = {
  /** Slowest answer of `/health/live`, milliseconds, without the time that either process waited for a processor. */
  worstMs: number;
  stalls: number;
  probes: number;
  /** Memory of the platform and its children, bytes, a sample a second. */
  resident: number[];
};

type Listener = { onStall(ms: number): void; onHung(): void; onEnd(): void };

/** How late a timer of this process is: what the machine, and not the platform, adds to an answer. */
const ownDelay = (): (() => number) => {
  let worst = 0;
  let expected = performance.now() + 50;
  const timer = setInterval(() => {
    worst = Math.max(worst, performance.now() - expected);
    expected = performance.now() + 50;
  }, 50);
  timer.unref();
  return () => {
    const late = worst;
    worst = 0;
    return late;
  };
};

/** Asks `/health/live` each second and counts the memory, until it is stopped. */
export const watch = (target: Target, listener: Listener): { health: Health; stop(): void } => {
  const health: Health = { worstMs: 0, stalls: 0, probes: 0, resident: [] };
  const url = new URL("/health/live", target.address.platform);
  const late = ownDelay();
  let stopped = false;
  const probe = async (): Promise<void> => {
    const startedAt = performance.now();
    const waitedBefore = waitedForProcessor(target.pid);
    late();
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(hungMs), headers: { connection: "close" } });
      await response.arrayBuffer();
    } catch {
      if (stopped) return;
      if (!target.isAlive()) return listener.onEnd();
      if (performance.now() - startedAt >= hungMs) return listener.onHung();
    }
    const ofMachine = late() + waitedForProcessor(target.pid) - waitedBefore;
    const ms = performance.now() - startedAt - ofMachine;
    health.probes++;
    health.worstMs = Math.max(health.worstMs, ms);
    if (ms > stallMs && !stopped) {
      health.stalls++;
      listener.onStall(ms);
    }
  };
  const run = async (): Promise<void> => {
    while (!stopped && target.isAlive()) {
      health.resident.push(residentBytes(target.pid));
      await probe();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    if (!stopped) listener.onEnd();
  };
  void run();
  return {
    health,
    stop: () => {
      stopped = true;
    },
  };
};

/** Bytes a minute by which memory grows, by least squares over the second half of the samples. */
export const slope = (samples: readonly number[]): number => {
  const half = samples.slice(samples.length >> 1);
  const mean = (half.length - 1) / 2;
  const average = half.reduce((sum, value) => sum + value, 0) / Math.max(1, half.length);
  let covariance = 0;
  let variance = 0;
  for (const [i, value] of half.entries()) {
    covariance += (i - mean) * (value - average);
    variance += (i - mean) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * (60_000 / everyMs);
};
