import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { MillraceError } from "../../schemas/errors.ts";
import { trackChild } from "../children.ts";
import { ensureDirectory } from "../directory.ts";
import type { FromChild, StartMessage, ToChild } from "./child/messages.ts";
import { platformUser } from "./child/users.ts";

export type EmbeddedWarehouseOptions = {
  /** Created when it is not there; one process at a time may have it. */
  directory: string;
  /** 0, the default, picks a free one; it stays the same over restarts. */
  port?: number;
  host?: string;
  /**
   * Of user `default`, whom people and their tools are: they may read, and define tables of their own. Without one
   * nobody but the platform is let in.
   */
  guestPassword?: string;
  /** Names and ports that clients may know it by (their `Host`), besides those of this machine for itself. */
  allowedHosts?: readonly string[];
  /** What differs from `laneLimits`. */
  limits?: StartMessage["limits"];
  /** The child ended unasked and a new one is being started. */
  onRestart?: (reason: string) => void;
};

export type EmbeddedWarehouse = {
  /**
   * `http://user:password@host:port` of the platform's own user, who may do everything. The password is new at each
   * start and stands nowhere else; it must not be shown.
   */
  url: string;
  /** `http://host:port`, for everybody. */
  address: string;
  /** How often the child has ended unasked. */
  readonly restarts: number;
  /** Of the child that answers now. */
  readonly pid: number;
  /** Resolves when the child has answered what it was asked and has ended. */
  close(): Promise<void>;
};

const entry = fileURLToPath(new URL("./child/main.ts", import.meta.url));
const firstBackoffMs = 50;
const longestBackoffMs = 5_000;
/** A child that lived so long was healthy: the next restart is quick again. */
const healthyMs = 30_000;
const closeWithinMs = 20_000;

/**
 * Starts the warehouse: chDB in a child process that answers ClickHouse's HTTP interface. The child ends with this
 * process, however this process ends; when the child crashes, another takes its port and its data, and until then
 * connections are refused, which clients meet by trying again. WAREHOUSE_FAILED when it cannot start.
 */
export const startEmbeddedWarehouse = async (options: EmbeddedWarehouseOptions): Promise<EmbeddedWarehouse> => {
  const host = options.host ?? "127.0.0.1";
  const directory = resolve(options.directory);
  ensureDirectory(directory);
  const passwords = { platform: randomBytes(32).toString("base64url"), guest: options.guestPassword ?? null };
  let restarts = 0;
  let port = options.port ?? 0;
  let closing = false;
  let backoffMs = firstBackoffMs;
  let retry: NodeJS.Timeout | null = null;

  const launch = async (): Promise<ChildProcess> => {
    const child = fork(entry, [], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // Every running statement holds a thread of libuv's pool; the rest is for files and gzip.
      // Times without a zone are UTC, whatever the zone of the machine.
      env: { ...process.env, TZ: "UTC", UV_THREADPOOL_SIZE: "24", NODE_OPTIONS: "" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    trackChild(child);
    const begin: StartMessage = {
      type: "start",
      directory,
      host,
      port,
      passwords,
      allowedHosts: options.allowedHosts ?? [],
      limits: options.limits ?? {},
    };
    child.send(begin, () => undefined);
    const message = await new Promise<FromChild>((settle) => {
      child.once("message", (first) => settle(first as FromChild));
      child.once("error", (error) => settle({ type: "failed", code: "WAREHOUSE_FAILED", message: error.message }));
      child.once("exit", (code, signal) =>
        settle({
          type: "failed",
          code: "WAREHOUSE_FAILED",
          message: `the warehouse ended at its start: ${signal ?? code}`,
        }),
      );
    });
    if (message.type === "failed") {
      const failure = message.code === "INTERNAL" ? "WAREHOUSE_FAILED" : message.code;
      throw new MillraceError(failure, message.message, { details: { directory } });
    }
    port = message.port;
    return child;
  };

  const watch = (child: ChildProcess): void => {
    const since = Date.now();
    child.once("exit", (code, signal) => {
      if (closing) return;
      restarts++;
      if (Date.now() - since > healthyMs) backoffMs = firstBackoffMs;
      options.onRestart?.(`the warehouse process ended: ${signal ?? `exit code ${code}`}`);
      restart();
    });
  };

  const restart = (): void => {
    retry = setTimeout(() => {
      starting = launch().then(
        (child) => {
          current = child;
          watch(child);
        },
        (error: unknown) => {
          if (closing) return;
          options.onRestart?.(`the warehouse process did not start: ${(error as Error).message}`);
          restart();
        },
      );
    }, backoffMs);
    backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
  };

  let current = await launch();
  let starting: Promise<void> = Promise.resolve();
  watch(current);

  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    url: `http://${platformUser}:${passwords.platform}@${place}`,
    address: `http://${place}`,
    get restarts() {
      return restarts;
    },
    get pid() {
      return current.pid ?? 0;
    },
    async close() {
      if (closing) return;
      closing = true;
      if (retry !== null) clearTimeout(retry);
      await starting;
      await end(current);
    },
  };
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const overdue = setTimeout(() => child.kill("SIGKILL"), closeWithinMs);
  const close: ToChild = { type: "close" };
  if (child.connected) child.send(close, () => undefined);
  await ended;
  clearTimeout(overdue);
};
