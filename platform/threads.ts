import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import type { MetricObject } from "prom-client";
import type { Settings } from "../infra/config.ts";
import { problems } from "../infra/report.ts";
import type { RoleName, Share } from "./role.ts";

export type ThreadData = { role: RoleName; share: Share; settings: Settings; warehouseUrl: string };

export type ToThread = { type: "stop" } | { type: "metrics"; id: number };
export type FromThread =
  | { type: "ready" }
  | { type: "report"; part: string; problem: string | null }
  | { type: "metrics"; id: number; metrics: MetricObject[] };

/** A role that runs in a thread and is started again, with a growing pause, when it ends unasked. */
export type RoleThread = {
  role: RoleName;
  /** Also while it is held. */
  running(): boolean;
  /** Whether it has taken up its work since it was first started, or last died. */
  ready(): boolean;
  /** What its reports say at the moment, by part; nothing of a thread that has ended. */
  problems(): ReadonlyMap<string, string>;
  /** The role's own metrics; none while it is down. */
  metrics(): Promise<MetricObject[]>;
  /** Drains the role, does the work while it stands still, and starts it again. One work after the other. */
  whileStill(work: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
};

const longestPauseMs = 30_000;
const metricsPatienceMs = 2_000;

export const roleThread = (data: ThreadData, logger: Logger): RoleThread => {
  const { role } = data;
  let worker: Worker | null = null;
  let stopping = false;
  let held = false;
  let ready = false;
  let holds = Promise.resolve();
  let failures = 0;
  let retry: NodeJS.Timeout | null = null;
  let requests = 0;
  const reported = problems();
  const waiting = new Map<number, (metrics: MetricObject[]) => void>();
  let ended = Promise.resolve();

  const start = (): void => {
    const startedAt = Date.now();
    const thread = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: data,
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    worker = thread;
    thread.on("message", (message: FromThread) => {
      if (message.type === "ready") {
        ready = true;
        return;
      }
      if (message.type === "report") return reported.report(message.part, message.problem);
      waiting.get(message.id)?.(message.metrics);
      waiting.delete(message.id);
    });
    thread.on("error", (error) => logger.error({ role, err: error }, "role failed"));
    ended = new Promise((resolve) => {
      thread.on("exit", (code) => {
        worker = null;
        reported.clear();
        resolve();
        if (stopping || held) return;
        ready = false;
        failures = Date.now() - startedAt > longestPauseMs ? 1 : failures + 1;
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

  return {
    role,
    running: () => worker !== null || held,
    ready: () => ready,
    problems: reported.current,
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
      await drained();
    },
  };
};
