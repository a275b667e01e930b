import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { outOfMemory, type WatchData } from "./messages.ts";

/**
 * Watches the process while its main thread is inside of the runtime. Standard input is open for as long as there is
 * a parent that holds it: its end, also that of a killed parent, ends this process wherever it is.
 */
const { memoryBytes, busy } = workerData as WatchData;
const flag = new Int32Array(busy);

/** A runtime that fills memory gets a few hundred megabytes further between two looks. */
const lookMs = 25;
/** Looks with nothing to do before the watch sleeps until the next request. */
const idleLooks = 40;

const end = (): never => {
  process.kill(process.pid, "SIGKILL");
  throw new Error("the process is ended");
};

let timer: NodeJS.Timeout | null = null;
let idle = 0;

const look = (): void => {
  if (process.memoryUsage.rss() > memoryBytes) {
    writeSync(2, outOfMemory);
    end();
  }
  idle = Atomics.load(flag, 0) === 1 ? 0 : idle + 1;
  if (idle < idleLooks || timer === null) return;
  clearInterval(timer);
  timer = null;
};

parentPort?.on("message", () => {
  idle = 0;
  timer ??= setInterval(look, lookMs);
});

const parent = new Socket({ fd: 0 });
parent.on("end", end).on("close", end).on("error", end).resume();
