import { workerData } from "node:worker_threads";

/**
 * A thread that ends the process when its parent is gone, also while the main thread is busy in native code. There is
 * nothing to close: what is being inserted is whole or not there. An orderly exit would wait for statements that run.
 */
const { parent, everyMs } = workerData as { parent: number; everyMs: number };

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, everyMs);
