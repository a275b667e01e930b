import { parentPort, workerData } from "node:worker_threads";
import { openSqlite } from "../sqlite/database.ts";
import { isBusy } from "../sqlite/errors.ts";

/** The thread of checkpointer.ts. */
const LOG_BYTES = 16 << 20;
const LOOK_MS = 20;
/** How long the writers may be held up for a reader of an old state. */
const PATIENCE_MS = 50;

const db = openSqlite(workerData as string, { synchronous: "NORMAL", create: "", busyTimeoutMs: PATIENCE_MS });
const pageSize = db.prepare("PRAGMA page_size").get()?.page_size as number;
const look = db.prepare("PRAGMA wal_checkpoint(NOOP)");
// Beside the writers, as far as it comes; then the rest, with the write lock, so that the log starts again.
const steps = [db.prepare("PRAGMA wal_checkpoint(PASSIVE)"), db.prepare("PRAGMA wal_checkpoint(RESTART)")];

const timer = setInterval(() => {
  try {
    const { log, checkpointed } = look.get() as { log: number; checkpointed: number };
    if ((log - checkpointed) * pageSize < LOG_BYTES) return;
    for (const step of steps) step.get();
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
}, LOOK_MS);

parentPort?.once("message", () => {
  clearInterval(timer);
  db.close();
});
