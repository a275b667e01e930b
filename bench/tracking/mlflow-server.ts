import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePorts } from "../../infra/native/ports.ts";

const startWithinMs = 90_000;

/** MLflow's own server over SQLite; null where there is none to start. MLFLOW names its program, `mlflow` without it. */
export const startMlflow = async (directory: string): Promise<{ url: string; close(): Promise<void> } | null> => {
  const program = process.env.MLFLOW ?? "mlflow";
  if (spawnSync(program, ["--version"]).status !== 0) return null;
  const [port] = await freePorts(1);
  const store = `sqlite:///${join(directory, "mlflow.db")}`;
  const arguments_ = ["server", "--backend-store-uri", store, "--host", "127.0.0.1", "--port", String(port)];
  const server = spawn(program, arguments_, { cwd: directory, stdio: "ignore", detached: true });
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
