import type { Client } from "../../../examples/flights/client.ts";
import { ready, type Started, spawnPlatform, until } from "../../e2e/platform.ts";
import { killTree } from "../../support/processes.ts";
import { type Sql, sqlOf } from "../warehouse.ts";

/** Small batches, so that there are many commits to be killed between; inputs that lag are waited for a little. */
const environment = { STREAMS_MAX_BATCH: "300", STREAMS_MAX_TASK_IDLE_MS: "2000" };

const readyWithinMs = 60_000;
const endWithinMs = 30_000;

/** One process of the platform, from its start to its end. */
export type Life = {
  url: string;
  client: Client;
  sql: Sql;
  pid: number;
  /** From the start of the process to `/health/ready`. */
  readyMs: number;
  output(): string;
  /** Ends it as an operator does. Answers what was wrong with its end, or null. */
  stop(): Promise<string | null>;
  /** Ends it and all its children at once. */
  kill(): Promise<void>;
};

/** Processes that a defect of these programs, or ^C, would leave behind. */
const lives = new Set<number>();
process.on("exit", () => lives.forEach(killTree));

/** `millrace start` on this data. */
export const spawnLife = (data: string): Started => {
  const started = spawnPlatform(data, environment);
  const pid = started.child.pid as number;
  lives.add(pid);
  void started.ended.then(() => lives.delete(pid));
  return started;
};

/** Starts the platform and waits until it is ready. Fails with what it printed. */
export const live = async (data: string): Promise<Life> => {
  const startedAt = performance.now();
  const started = spawnLife(data);
  const pid = started.child.pid as number;
  try {
    const running = await ready(started);
    await untilReady(running.url, started);
    return {
      url: running.url,
      client: running.client,
      sql: sqlOf(data, running.warehouse),
      pid,
      readyMs: performance.now() - startedAt,
      output: started.output,
      stop: () => stopProcess(started),
      kill: async () => {
        killTree(pid);
        await started.ended;
      },
    };
  } catch (error) {
    killTree(pid);
    throw error;
  }
};

export const isReady = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    return false;
  }
};

export const untilReady = async (url: string, { output }: Pick<Started, "output">): Promise<void> => {
  try {
    await until("/health/ready answers 200", readyWithinMs, () => isReady(url));
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${output().slice(-4000)}`, { cause: error });
  }
};

/** SIGTERM, with a deadline. Answers what was wrong with the end, or null. */
export const stopProcess = async (started: Started): Promise<string | null> => {
  const overdue = setTimeout(() => killTree(started.child.pid as number), endWithinMs);
  const { code, signal } = await started.kill("SIGTERM");
  clearTimeout(overdue);
  if (code === 0) return null;
  return signal === "SIGKILL"
    ? `SIGTERM did not end it within ${endWithinMs} ms`
    : `it ended with code ${code}, signal ${signal}: ${started.output().slice(-2000)}`;
};
