import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { asMillraceError, isMillraceError } from "../../../schemas/errors.ts";
import { type DirectoryLock, lockDirectory } from "../../sqlite/lock.ts";
import { openEngine } from "./engine.ts";
import { laneLimits } from "./lane-limits.ts";
import type { FromChild, StartMessage, ToChild } from "./messages.ts";
import { openPipes } from "./pipes.ts";
import { pathRedactor } from "./redact.ts";
import { warehouseServer } from "./server.ts";

/** The process that owns the chDB directory. It lives as long as its parent. */
process.umask(0o077);

const die = (): void => {
  process.kill(process.pid, "SIGKILL");
};
// The parent is gone, even if killed: nobody is left to answer to.
process.on("disconnect", die);
new Worker(new URL("./parent-watch.ts", import.meta.url), {
  workerData: { parent: process.ppid, everyMs: 250 },
}).unref();
// The terminal's ^C reaches the whole group; the parent decides when its warehouse ends.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

const tell = (message: FromChild): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });

/** The child of a parent that was killed a moment ago may still be letting go. */
const lockWithin = async (directory: string, milliseconds: number): Promise<DirectoryLock> => {
  const until = Date.now() + milliseconds;
  for (;;) {
    try {
      return lockDirectory(directory);
    } catch (error) {
      if (!isMillraceError(error, "DATA_LOCKED") || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
};

const start = async (message: StartMessage): Promise<() => Promise<void>> => {
  const { directory, host, port, limits, passwords, allowedHosts } = message;
  await lockWithin(directory, 2_000);
  const incoming = join(directory, "incoming");
  const nowhere = join(incoming, "nowhere");
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(nowhere, { recursive: true, mode: 0o700 });
  const redact = pathRedactor(directory);
  // The engine's database `default` takes names of files in the working folder for tables.
  process.chdir(nowhere);
  const engine = await openEngine({
    directory: join(directory, "chdb"),
    limits,
    onStuck: (reason) => {
      console.error(`The warehouse ends itself: ${reason}`);
      die();
    },
  });
  const answering = (["reads", "guests", "loads"] as const).map(
    (name) => limits[name]?.atOnce ?? laneLimits[name].atOnce,
  );
  const pipes = openPipes(
    incoming,
    answering.reduce((sum, each) => sum + each, 0),
  );
  const server = warehouseServer({ engine, pipes, incoming, redact, passwords, allowedHosts });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  await tell({ type: "ready", port: (server.address() as AddressInfo).port });
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 10_000))]);
    server.closeAllConnections();
    await engine.close();
  };
};

try {
  const [message] = (await once(process, "message")) as [StartMessage];
  const stop = await start(message);
  process.on("message", ({ type }: ToChild) => {
    if (type === "close") stop().finally(() => process.exit(0));
  });
} catch (error) {
  const failure = asMillraceError(error);
  await tell({ type: "failed", code: failure.code, message: failure.message });
  process.exit(1);
}
