import type { ChildProcess } from "node:child_process";
import { getEnvironmentData, setEnvironmentData, threadId } from "node:worker_threads";

/**
 * The child processes of this process, whichever of its threads started them: what a thread has started is ended when
 * the thread has been, and all of it when this process has to end at once.
 */
const key = "millrace:children";
const most = 256;
const rowBytes = 4;

/** Made once, by the first thread to ask; threads that are started later get the same memory. */
const shared = (): SharedArrayBuffer => {
  const known = getEnvironmentData(key);
  if (known instanceof SharedArrayBuffer) return known;
  const fresh = new SharedArrayBuffer(2 * most * rowBytes);
  setEnvironmentData(key, fresh);
  return fresh;
};

const memory = shared();
const pids = new Int32Array(memory, 0, most);
const threads = new Int32Array(memory, most * rowBytes, most);

/** Remembers a child until it has ended. With more than 256 at once the rest is left to end with its parent. */
export const trackChild = (child: ChildProcess): void => {
  const { pid } = child;
  if (pid === undefined) return;
  for (let i = 0; i < most; i++) {
    if (Atomics.compareExchange(pids, i, 0, pid) !== 0) continue;
    Atomics.store(threads, i, threadId);
    child.once("exit", () => Atomics.compareExchange(pids, i, pid, 0));
    return;
  }
};

/** Ends the children of a thread, or all of them, at once. Answers how many there were. */
export const killChildren = (ofThread?: number): number => {
  let killed = 0;
  for (let i = 0; i < most; i++) {
    const pid = Atomics.load(pids, i);
    if (pid === 0 || (ofThread !== undefined && Atomics.load(threads, i) !== ofThread)) continue;
    if (Atomics.compareExchange(pids, i, pid, 0) !== pid) continue;
    try {
      process.kill(pid, "SIGKILL");
      killed += 1;
    } catch {
      // It has ended by itself.
    }
  }
  return killed;
};
