import { once } from "node:events";
import { Worker } from "node:worker_threads";

/**
 * Moves the write-ahead log of a SQLite file into the file from a thread of its own, 16 MB at a time.
 *
 * Without it the connection whose commit fills the log (64 MB) does that work itself, and its thread stands still for
 * 100 ms and more; with it a writer waits only while the last few frames are moved. One is enough for a file, whatever
 * is kept in it and however many threads write. Does not keep the process alive.
 */
export type Checkpointer = { close(): Promise<void> };

export const sqliteCheckpointer = (path: string): Checkpointer => {
  const thread = new Worker(new URL("./checkpointer-thread.ts", import.meta.url), { workerData: path });
  thread.unref();
  let failed = false;
  // The writers move the log themselves when nobody else does: slower at times, never wrong.
  thread.on("error", (error) => {
    failed = true;
    process.emitWarning(`the checkpointer of ${path} stopped: ${error.message}`);
  });
  return {
    async close() {
      if (failed || thread.threadId === -1) return;
      const exit = once(thread, "exit");
      thread.ref();
      thread.postMessage("close");
      await exit;
    },
  };
};
