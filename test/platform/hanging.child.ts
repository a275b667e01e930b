import { parentPort, workerData } from "node:worker_threads";
import { stepTeller } from "../../platform/step-watch.ts";
import type { ThreadStart } from "../../platform/threads.ts";

/** A role's thread whose task `shop/3` holds it for ever, unless it is halted. */
const { board, halted } = workerData as ThreadStart;
const steps = stepTeller(board);
parentPort?.postMessage({ type: "ready" });
parentPort?.postMessage({ type: "report", part: "halted", problem: halted.join(",") || "none" });
steps.at("shop/3");
while (!halted.includes("shop/3"));
steps.at(null);
// It waits to be told to stop.
parentPort?.once("message", () => parentPort?.close());
