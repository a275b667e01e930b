import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { BroadcastChannel } from "node:worker_threads";

/** Tells the threads of this process, and by looking now and then those of others, that a database file has changed. */
export type ChangeSignal = {
  /** Grows with each notification that has arrived; read it before looking at the data. */
  readonly version: number;
  /** Call after a commit. Calls of one turn are one message to the other threads. */
  notify(): void;
  /**
   * Resolves when notified, when another process has committed (seen within 200 ms, or a second where nobody has for
   * long), when aborted, when closed or after `timeoutMs`: the caller looks again and decides. Resolves at once when
   * `seen` is no longer the version.
   */
  wait(timeoutMs: number, signal?: AbortSignal, seen?: number): Promise<void>;
  close(): void;
};

/** How soon a look follows the last one: the longer nothing has changed, the later. */
const soonestLookMs = 200;
const latestLookMs = 1_000;
const quietShare = 0.1;

/**
 * Named by file and name; `db` is a connection to the file, asked whether others have committed while anybody waits.
 * The channel does not keep the process alive, a pending `wait` does.
 */
export const changeSignal = (path: string, name: string, db: DatabaseSync): ChangeSignal => {
  const channel = new BroadcastChannel(`millrace:${resolve(path)}:${name}`);
  channel.unref();
  const dataVersion = db.prepare("PRAGMA data_version");
  dataVersion.setReturnArrays(true);
  const waiters = new Set<() => void>();
  let version = 0;
  let known = -1;
  let changedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let posting = false;
  let closed = false;

  const wake = (): void => {
    version++;
    changedAt = performance.now();
    for (const waiter of [...waiters]) waiter();
  };
  const post = (): void => {
    posting = false;
    if (!closed) channel.postMessage(null);
  };
  channel.onmessage = wake;

  /** One look for all that wait. */
  const look = (): void => {
    timer = undefined;
    if (waiters.size === 0) return;
    if (hasChanged()) wake();
    if (waiters.size > 0) lookLater();
  };

  const lookLater = (): void => {
    const quiet = (performance.now() - changedAt) * quietShare;
    timer ??= setTimeout(look, Math.min(latestLookMs, Math.max(soonestLookMs, quiet)));
  };

  const hasChanged = (): boolean => {
    try {
      const [now] = dataVersion.get() as unknown as [number];
      const changed = now !== known;
      known = now;
      return changed;
    } catch {
      // Who is woken looks, too, and has somebody to tell of the error.
      return true;
    }
  };

  return {
    get version() {
      return version;
    },
    notify() {
      if (closed) return;
      wake();
      if (posting) return;
      posting = true;
      queueMicrotask(post);
    },
    wait(timeoutMs, signal, seen) {
      if (closed || signal?.aborted || (seen !== undefined && seen !== version)) return Promise.resolve();
      return new Promise((done) => {
        const finish = (): void => {
          clearTimeout(limit);
          waiters.delete(finish);
          if (waiters.size === 0) timer?.unref();
          signal?.removeEventListener("abort", finish);
          done();
        };
        const limit = Number.isFinite(timeoutMs) ? setTimeout(finish, timeoutMs) : undefined;
        waiters.add(finish);
        signal?.addEventListener("abort", finish, { once: true });
        lookLater();
        timer?.ref();
      });
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      wake();
      channel.close();
    },
  };
};
