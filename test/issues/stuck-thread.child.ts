import { DatabaseSync } from "node:sqlite";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { exitNow } from "../../infra/exit-now.ts";

/** A process with a thread that is in native code for ever, which neither `process.exit` nor `terminate` can end. */
if (isMainThread) {
  const thread = new Worker(new URL(import.meta.url));
  thread.once("message", () => {
    void thread.terminate();
    exitNow(70);
  });
} else {
  const endless = new DatabaseSync(":memory:").prepare(
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
  );
  parentPort?.postMessage("stuck");
  endless.get();
}
