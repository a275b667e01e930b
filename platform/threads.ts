import { Worker } from "node:worker_threads";
import type { Logger } from "pino";
import type { Settings } from "../infra/config.ts";
import type { RoleName } from "./role.ts";

export type ToThread = { type: "stop" } | { type: "metrics"; id: number };
export type FromThread = { type: "metrics"; id: number; text: string };

/** A role that runs in a thread and is started again, with a growing pause, when it ends unasked. */
export type RoleThread = {
  role: RoleName;
  running(): boolean;
  /** Prometheus text of the role's own metrics; empty while it is down. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
};

const longestPauseMs = 30_000;
const metricsPatienceMs = 2_000;

export const roleThread = (role: RoleName, settings: Settings, warehouseUrl: string, logger: Logger): RoleThread => {
  let worker: Worker | null = null;
  let stopping = false;
  let failures = 0;
  let retry: NodeJS.Timeout | null = null;
  let requests = 0;
  const waiting = new Map<number, (text: string) => void>();
  let ended = Promise.resolve();

  const start = (): void => {
    const startedAt = Date.now();
    const thread = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: { role, settings, warehouseUrl },
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    worker = thread;
    thread.on("message", (message: FromThread) => {
      waiting.get(message.id)?.(message.text);
      waiting.delete(message.id);
    });
    thread.on("error", (error) => logger.error({ role, err: error }, "role failed"));
    ended = new Promise((resolve) => {
      thread.on("exit", (code) => {
        worker = null;
        resolve();
        if (stopping) return;
        failures = Date.now() - startedAt > longestPauseMs ? 1 : failures + 1;
        const pause = Math.min(longestPauseMs, 250 * 2 ** failures);
        logger.error({ role, code, retryInMs: pause }, "role ended; it will be started again");
        retry = setTimeout(start, pause);
      });
    });
  };
  start();

  return {
    role,
    running: () => worker !== null,
    metrics: () => {
      const target = worker;
      if (target === null) return Promise.resolve("");
      const id = ++requests;
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.delete(id);
          resolve("");
        }, metricsPatienceMs);
        waiting.set(id, (text) => {
          clearTimeout(timer);
          resolve(text);
        });
        target.postMessage({ type: "metrics", id } satisfies ToThread);
      });
    },
    stop: async () => {
      stopping = true;
      if (retry !== null) clearTimeout(retry);
      worker?.postMessage({ type: "stop" } satisfies ToThread);
      await ended;
    },
  };
};
