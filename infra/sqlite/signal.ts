import { resolve } from "node:path";
import { BroadcastChannel } from "node:worker_threads";

/** Tells the threads of this process that a database file has changed. */
export type ChangeSignal = {
  /** Grows with each notification that has arrived; read it before looking at the data. */
  readonly version: number;
  /** Call after a commit. Calls of one turn are one message to the other threads. */
  notify(): void;
  /**
   * Resolves when notified, when aborted, when closed or after `timeoutMs`, and every 200 ms besides (a writer may be
   * another process): the caller looks again and decides. Resolves at once when `seen` is no longer the version.
   */
  wait(timeoutMs: number, signal?: AbortSignal, seen?: number): Promise<void>;
  close(): void;
};

const pollMs = 200;

/** Named by file and name. The channel does not keep the process alive, a pending `wait` does. */
export const changeSignal = (path: string, name: string): ChangeSignal => {
  const channel = new BroadcastChannel(`millrace:${resolve(path)}:${name}`);
  channel.unref();
  const waiters = new Set<() => void>();
  let version = 0;
  let posting = false;
  let closed = false;

  const wake = (): void => {
    version++;
    for (const waiter of [...waiters]) waiter();
  };
  const post = (): void => {
    posting = false;
    if (!closed) channel.postMessage(null);
  };
  channel.onmessage = wake;

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
          clearTimeout(timer);
          waiters.delete(finish);
          signal?.removeEventListener("abort", finish);
          done();
        };
        const timer = setTimeout(finish, Math.min(timeoutMs, pollMs));
        waiters.add(finish);
        signal?.addEventListener("abort", finish, { once: true });
      });
    },
    close() {
      if (closed) return;
      closed = true;
      wake();
      channel.close();
    },
  };
};
