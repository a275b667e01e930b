import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { parse } from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { trackChild } from "../../infra/children.ts";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import { afterTicks } from "./after-ticks.ts";
import { type FromModel, outOfMemory, type ToModel } from "./messages.ts";
import { type ModelSource, modelDescriptor, sendModel } from "./transfer.ts";

/** Why a process has ended in the middle of a request. */
export class ModelStoppedError extends Error {
  readonly limit: "time" | "memory" | "none";
  constructor(limit: ModelStoppedError["limit"], message: string) {
    super(message);
    this.limit = limit;
  }
}

/**
 * A process that holds a stranger's model. It has no environment, no descriptors of ours and a bounded memory; it ends
 * when its parent does, and does not keep its parent from ending.
 */
export type ModelProcess = {
  /**
   * One request at a time. Rejects with the model's own coded error, or with `ModelStoppedError` once the process has
   * been ended: after so many milliseconds, when it has more memory than it may, or when the model made it crash.
   */
  ask<T>(message: ToModel, timeoutMs: number): Promise<T>;
  /** Hands over the bytes of the model that the next request is about. Rejects with the source's error, too. */
  give(source: ModelSource): Promise<void>;
  isAlive(): boolean;
  /** Bytes in memory after the last request. */
  residentBytes(): number;
  end(): Promise<void>;
};

const startPatienceMs = 30_000;
const transferPatienceMs = 120_000;

/** Node itself reserves about 600 MB of data that it does not use. */
const reservedBytes = 1024 ** 3;

const program = fileURLToPath(new URL("./main.ts", import.meta.url));

/** On Linux the kernel refuses one allocation that is too large; many small ones are seen by the watching thread. */
const commandOf = (memoryBytes: number): [command: string, args: string[]] => {
  const args = ["--disable-warning=ExperimentalWarning", program, String(memoryBytes)];
  if (process.platform !== "linux" || !existsSync("/bin/sh")) return [process.execPath, args];
  const kilobytes = Math.ceil((memoryBytes + reservedBytes) / 1024);
  return ["/bin/sh", ["-c", `ulimit -d ${kilobytes}; exec "$0" "$@"`, process.execPath, ...args]];
};

const started = (memoryBytes: number): ChildProcess => {
  const [command, args] = commandOf(memoryBytes);
  const child = spawn(command, args, {
    stdio: ["pipe", "ignore", "pipe", "ipc", "pipe"],
    serialization: "advanced",
    env: { MALLOC_ARENA_MAX: "2" },
    cwd: parse(process.execPath).root,
  });
  trackChild(child);
  return child;
};

/** Whether the process keeps its parent from ending: only while something is asked of it. */
const hold = (child: ChildProcess, isAsked: boolean): void => {
  const handles = [child, child.channel, child.stdin, child.stderr, child.stdio[modelDescriptor]];
  for (const handle of handles as (Pick<Socket, "ref" | "unref"> | null | undefined)[]) {
    if (isAsked) handle?.ref();
    else handle?.unref();
  }
};

const brokenPipe: readonly string[] = ["EPIPE", "ECONNRESET"];

type Waiting = { resolve(value: unknown): void; reject(error: Error): void };

/** ENGINE_UNAVAILABLE where the process does not start. The signal ends it, whatever it is asked. */
export const startModelProcess = async (memoryBytes: number, signal?: AbortSignal): Promise<ModelProcess> => {
  const child = started(memoryBytes);
  let waiting: Waiting | null = null;
  let lastWords = "";
  let residentBytes = 0;
  let timedOut = false;
  let isAlive = true;
  const settle = (): Waiting | null => {
    const held = waiting;
    waiting = null;
    hold(child, false);
    return held;
  };

  const abort = (): void => {
    child.kill("SIGKILL");
  };
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  // A pipe of a process that has ended breaks; what counts is the end itself.
  for (const pipe of [child.stdin, child.stdio[modelDescriptor]]) pipe?.on("error", () => {});
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    lastWords = (lastWords + text).slice(-4096);
  });
  child.on("message", (message: FromModel) => {
    if (message.type === "failed") settle()?.reject(new MillraceError(message.code as ErrorCode, message.message));
    else if (message.type === "ready") settle()?.resolve(null);
    else {
      residentBytes = message.residentBytes;
      settle()?.resolve(message.value);
    }
  });
  const ended = new Promise<void>((resolve) => {
    const over = (how: string): void => {
      isAlive = false;
      signal?.removeEventListener("abort", abort);
      resolve();
      const memory = lastWords.includes(outOfMemory) || /out of memory|bad_alloc/i.test(lastWords);
      settle()?.reject(new ModelStoppedError(timedOut ? "time" : memory ? "memory" : "none", how));
    };
    child.on("error", (error) => over(error.message));
    child.on("close", (code, signal) => over(signal === null ? `ended with code ${code}` : `ended by ${signal}`));
  });

  const request = <T>(timeoutMs: number, send: () => void): Promise<T> => {
    timedOut = false;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    waiting = { resolve, reject };
    hold(child, true);
    const stop = afterTicks(timeoutMs, () => {
      timedOut = true;
      child.kill("SIGKILL");
    });
    if (isAlive) send();
    else settle()?.reject(new ModelStoppedError("none", "has ended before"));
    return (promise as Promise<T>).finally(stop);
  };
  const self: ModelProcess = {
    ask: (message, timeoutMs) =>
      request(timeoutMs, () => {
        // A failed write is followed by the end of the process, which is what the request learns.
        child.send(message, () => {});
      }),
    give: async (source) => {
      const stop = new AbortController();
      const received = self.ask<null>({ type: "receive", size: source.size }, transferPatienceMs);
      const sent = sendModel(source, child.stdio[modelDescriptor] as Writable, stop.signal);
      received.catch(() => stop.abort());
      sent.catch(() => child.kill("SIGKILL"));
      try {
        await Promise.all([sent, received]);
      } catch (error) {
        // The pipe of a process that has ended breaks, too; what it ended of says more.
        if (brokenPipe.includes((error as NodeJS.ErrnoException).code ?? "")) await received;
        throw error;
      }
    },
    isAlive: () => isAlive && child.connected && !child.killed,
    residentBytes: () => residentBytes,
    end: () => {
      hold(child, true);
      child.kill("SIGKILL");
      return ended;
    },
  };
  try {
    await request(startPatienceMs, () => {});
    return self;
  } catch (cause) {
    await self.end();
    const how = `${(cause as Error).message} ${lastWords}`.trim();
    throw new MillraceError("ENGINE_UNAVAILABLE", `the process for models did not start: ${how}`, { cause });
  }
};
