import { Worker } from "node:worker_threads";

/** Whoever adopts an orphan has another number. SIGKILL, since an orderly exit waits for native code to return. */
const watchParent = `
  const { workerData: parent } = require("node:worker_threads");
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, 250);
`;

/**
 * Ends this process within half a second of its parent's end, however that ended, and whatever this process does: a
 * thread looks who the parent is, because an event such as `disconnect` waits for a main thread that may be in native
 * code for hours. Does not keep the process alive. Call it first thing in a child process.
 */
export const endWithParent = (): void => {
  const watch = new Worker(watchParent, { eval: true, workerData: process.ppid, execArgv: [], env: {} });
  watch.unref();
};
