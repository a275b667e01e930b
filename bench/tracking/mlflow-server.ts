import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../../infra/native/ports.ts";

const startWithinMs = 90_000;

/**
 * MLflow's own server over SQLite; null where there is none to start. `command` is its program, with arguments of its
 * own; without it MLFLOW names the program, else it is `mlflow`.
 */
export const startMlflow = async (
  directory: string,
  command: readonly string[] = [process.env.MLFLOW ?? "mlflow"],
  options: readonly string[] = [],
): Promise<{ url: string; close(): Promise<void> } | null> => {
  const [program, ...own] = command;
  if (spawnSync(program, [...own, "--version"]).status !== 0) return null;
  const [port] = await freePorts(1);
  const store = `sqlite:///${join(directory, "mlflow.db")}`;
  const place = ["--host", "127.0.0.1", "--port", String(port)];
  const arguments_ = [...own, "server", "--backend-store-uri", store, ...place, ...options];
  // Its workers for evaluations, eight processes, would take from what is measured and outlive a kill.
  const env = { ...process.env, MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false" };
  const server = spawn(program, arguments_, { cwd: directory, stdio: "ignore", detached: true, env });
  const ended = once(server, "exit");
  const close = async (): Promise<void> => {
    // Its workers too: they are of its process group, which is of our making.
    if (server.exitCode === null && server.pid !== undefined) process.kill(-server.pid, "SIGTERM");
    await ended;
  };
  const url = `http://127.0.0.1:${port}`;
  const until = performance.now() + startWithinMs;
  while (performance.now() < until && server.exitCode === null) {
    const answer = await fetch(`${url}/health`).catch(() => null);
    if (answer?.ok === true) return { url, close };
    await pause(250);
  }
  await close();
  throw new Error(`${program} server did not answer within ${startWithinMs / 1000} s`);
};
