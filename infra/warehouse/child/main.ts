import { mkdirSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { asMillraceError, isMillraceError } from "../../../schemas/errors.ts";
import { type DirectoryLock, lockDirectory } from "../../sqlite/lock.ts";
import { openEngine } from "./engine.ts";
import type { FromChild, ToChild } from "./messages.ts";
import { warehouseServer } from "./server.ts";

/** The process that owns the chDB directory. It lives as long as its parent's IPC channel. */
const { directory, host, port, password } = JSON.parse(process.argv[2]) as {
  directory: string;
  host: string;
  port: number;
  password: string | null;
};

const tell = (message: FromChild): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });

/** The child of a parent that was killed a moment ago may still be letting go. */
const lockWithin = async (milliseconds: number): Promise<DirectoryLock> => {
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

const start = async (): Promise<() => Promise<void>> => {
  await lockWithin(2_000);
  const incoming = join(directory, "incoming");
  rmSync(incoming, { recursive: true, force: true });
  mkdirSync(incoming, { recursive: true });
  const engine = await openEngine(join(directory, "chdb"));
  const server = warehouseServer({ engine, incoming, password });
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

// The parent is gone, even if killed: nobody is left to answer to. What is being inserted is whole or not there.
process.on("disconnect", () => process.exit(0));
// The terminal's ^C reaches the whole group; the parent decides when its warehouse ends.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

try {
  const stop = await start();
  process.on("message", (message: ToChild) => {
    if (message.type === "close") stop().finally(() => process.exit(0));
  });
} catch (error) {
  const failure = asMillraceError(error);
  await tell({ type: "failed", code: failure.code, message: failure.message });
  process.exit(1);
}
