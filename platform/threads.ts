import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import type { MetricObject } from "prom-client";
import { killChildren } from "../infra/children.ts";
import type { Settings } from "../infra/config.ts";
import { problemOf, problems } from "../infra/report.ts";
import type { RoleName, Share } from "./role.ts";
import { type StepBoard, stepBoard, watchSteps } from "./step-watch.ts";

export type ThreadData = { role: RoleName; share: Share; settings: Settings; warehouseUrl: string };

/**
 * What a thread gets. Its event loop writes its time into `beat`, nanoseconds of the process's clock; what it is at is on
 * `board`. `halted` tasks have held the thread too long, again and again: they are not to be stepped.
 */
export type ThreadStart = ThreadData & { beat: SharedArrayBuffer; board: StepBoard; halted: readonly string[] };

export type ToThread = { type: "stop" } | { type: "metrics"; id: number };
export type FromThread =
  | { type: "ready" }
  | { type: "report"; part: string; problem: string | null }
  | { type: "note"; part: string; text: string | null }
  | { type: "released"; task: string }
  | { type: "metrics"; id: number; metrics: MetricObject[] };

/** A role that runs in a thread and is started again, with a growing pause, when it ends unasked. */
export type RoleThread = {
  role: RoleName;
  /** Also while it is held. */
  running(): boolean;
  /** Whether it has taken up its work since it was first started, or last died. */
  ready(): boolean;
  /** What is wrong with the thread itself, null when nothing is. */
  trouble(): string | null;
  /** What its reports say at the moment, by part; nothing of a thread that has ended. */
  problems(): ReadonlyMap<string, string>;
  /** What it says an operator should know, by part. */
  notes(): ReadonlyMap<string, string>;
  /** The role's own metrics; none while it is down. */
  metrics(): Promise<MetricObject[]>;
  /** Drains the role, does the work while it stands still, and starts it again. One work after the other. */
  whileStill(work: () => Promise<void>): Promise<void>;
  /**
   * Drains the role. After 5 s (2 s while it is starting) the thread is ended by force, with its children: the answer is
   * false where that cut off work.
   */
  stop(): Promise<boolean>;
};

/** Whether the work has ended in time. */
const within = async (milliseconds: number, work: Promise<void>): Promise<boolean> => {
  const patience = new AbortController();
  const late = sleep(milliseconds, false, patience).catch(() => false);
  const inTime = await Promise.race([work.then(() => true), late]);
  patience.abort();
  return inTime;
};

const longestPauseMs = 30_000;
const metricsPatienceMs = 2_000;
/** A thread whose event loop has not turned for so long is stuck. */
const silentMs = 8_000;
/** A role that has worked for so long after it had died is well again. */
const settledMs = 5_000;
const stopWithinMs = 5_000;
const startingWithinMs = 2_000;
const beatBytes = BigInt64Array.BYTES_PER_ELEMENT;
/** A thread ends at once when it is told so, but in native code, where it may stay for ever. */
const terminateWithinMs = 300;

/** One step may be held up by the machine; a task that does it again holds up all others of its thread. */
const mostStalls = 2;

const threadProgram = new URL("./thread.ts", import.meta.url);

/** `program` is what the thread runs. */
export const roleThread = (data: ThreadData, logger: Logger, program = threadProgram): RoleThread => {
  const { role, settings } = data;
  const stalls = new Map<string, number>();
  let worker: Worker | null = null;
  let stopping = false;
  let held = false;
  let ready = false;
  let holds = Promise.resolve();
  let failures = 0;
  /** The end that it has not recovered from. */
  let lastEnd: string | null = null;
  let settled: NodeJS.Timeout | undefined;
  let beat = new BigInt64Array(new SharedArrayBuffer(beatBytes));
  let retry: NodeJS.Timeout | null = null;
  let requests = 0;
  const reported = problems();
  const waiting = new Map<number, (metrics: MetricObject[]) => void>();
  let ended = Promise.resolve();

  const start = (): void => {
    const startedAt = Date.now();
    const memory = new SharedArrayBuffer(beatBytes);
    beat = new BigInt64Array(memory);
    beat[0] = process.hrtime.bigint();
    const board = stepBoard();
    const halted = [...stalls].filter(([, count]) => count >= mostStalls).map(([task]) => task);
    const thread = new Worker(program, {
      workerData: { ...data, beat: memory, board, halted } satisfies ThreadStart,
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    worker = thread;
    const { threadId } = thread;
    let failure: string | null = null;
    const stopWatching = watchSteps(board, settings.stepTimeoutMs, (task) => {
      stalls.set(task, (stalls.get(task) ?? 0) + 1);
      failure = `a step of task ${task} held it for ${settings.stepTimeoutMs} ms`;
      logger.error({ role, task, stepTimeoutMs: settings.stepTimeoutMs }, "a step holds its thread, which is ended");
      void thread.terminate();
    });
    thread.on("message", (message: FromThread) => {
      if (message.type === "ready") {
        ready = true;
        settled = setTimeout(() => {
          lastEnd = null;
        }, settledMs).unref();
        return;
      }
      if (message.type === "report") return reported.report(message.part, message.problem);
      if (message.type === "note") return reported.note(message.part, message.text);
      if (message.type === "released") {
        stalls.delete(message.task);
        return;
      }
      waiting.get(message.id)?.(message.metrics);
      waiting.delete(message.id);
    });
    thread.on("error", (error) => {
      failure = problemOf(error);
      logger.error({ role, err: error }, "role failed");
    });
    ended = new Promise((resolve) => {
      thread.on("exit", (code) => {
        worker = null;
        clearTimeout(settled);
        stopWatching();
        reported.clear();
        killChildren(threadId);
        resolve();
        if (stopping || held) return;
        ready = false;
        failures = Date.now() - startedAt > longestPauseMs ? 1 : failures + 1;
        lastEnd = failure ?? `ended with code ${code}`;
        const pause = Math.min(longestPauseMs, 250 * 2 ** failures);
        logger.error({ role, code, retryInMs: pause }, "role ended; it will be started again");
        retry = setTimeout(start, pause);
      });
    });
  };
  start();

  const drained = async (): Promise<void> => {
    if (retry !== null) clearTimeout(retry);
    worker?.postMessage({ type: "stop" } satisfies ToThread);
    await ended;
  };

  const trouble = (): string | null => {
    if (held) return null;
    if (worker === null) return `is being started again${lastEnd === null ? "" : `: ${lastEnd}`}`;
    const silent = Number(process.hrtime.bigint() - Atomics.load(beat, 0)) / 1e6;
    if (silent > silentMs) return `has not answered for ${Math.round(silent / 1000)} s`;
    if (lastEnd !== null) return `was started again after it had failed: ${lastEnd}`;
    return ready ? null : "is starting";
  };

  return {
    role,
    trouble,
    running: () => worker !== null || held,
    ready: () => ready,
    problems: reported.current,
    notes: reported.notes,
    metrics: () => {
      const target = worker;
      if (target === null) return Promise.resolve([]);
      const id = ++requests;
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          resolve([]);
        }, metricsPatienceMs);
        waiting.set(id, (metrics) => {
          clearTimeout(timer);
          resolve(metrics);
        });
        target.postMessage({ type: "metrics", id } satisfies ToThread);
      });
    },
    whileStill: (work) => {
      const hold = async (): Promise<void> => {
        held = true;
        try {
          await drained();
          await work();
        } finally {
          held = false;
          if (!stopping) start();
        }
      };
      const mine = holds.then(hold);
      holds = mine.catch(() => {});
      return mine;
    },
    stop: async () => {
      stopping = true;
      const draining = drained();
      // What is still starting has nothing to drain, but may have taken up its work when it hears of it.
      const isDrained =
        (await within(startingWithinMs, draining)) ||
        (ready && (await within(stopWithinMs - startingWithinMs, draining)));
      const thread = worker;
      if (isDrained || thread === null) return true;
      killChildren(thread.threadId);
      void thread.terminate();
      await within(ready ? terminateWithinMs : startingWithinMs, ended);
      return !ready;
    },
  };
};
