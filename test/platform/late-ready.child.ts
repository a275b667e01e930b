import { setTimeout as sleep } from "node:timers/promises";
import { parentPort } from "node:worker_threads";

/** A role's thread that is told to stop while it starts, takes its work up all the same, and drains it. */
parentPort?.once("message", async () => {
  await sleep(1_500);
  parentPort?.postMessage({ type: "ready" });
  await sleep(1_200);
  parentPort?.close();
});
