import { Worker } from "node:worker_threads";
import type { Settings } from "../../infra/config.ts";
import { type ErrorCode, MillraceError } from "../../schemas/errors.ts";
import type { RebuildProgress, RebuildResult } from "./progress.ts";

export type RebuildData = { name: string; settings: Settings; warehouseUrl: string };

export type ToRebuild = { type: "held" | "stop" };
export type FromRebuild =
  | { type: "hold" }
  | { type: "progress"; progress: RebuildProgress }
  | { type: "done"; result: RebuildResult }
  | { type: "failed"; code: ErrorCode; message: string };

/** Runs work while the projections role stands still. */
export type WhileStill = (work: () => Promise<void>) => Promise<void>;

const stopWithinMs = 1_000;

/** Runs a rebuild in a thread. The role is held from when the rebuild asks for it until its thread has ended. */
export const rebuildInThread = async (
  data: RebuildData,
  options: { whileStill: WhileStill; signal: AbortSignal; onProgress(progress: RebuildProgress): void },
): Promise<RebuildResult> => {
  const { whileStill, signal, onProgress } = options;
  const worker = new Worker(new URL("./thread.ts", import.meta.url), {
    workerData: data,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const say = (message: ToRebuild): void => worker.postMessage(message);
  const ended = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
  const stop = (): void => {
    say({ type: "stop" });
    // What it does can be done again; a thread in the middle of a long statement would hold up the end of the process.
    setTimeout(() => void worker.terminate(), stopWithinMs).unref();
  };
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();

  let result: RebuildResult | null = null;
  let failure: unknown = new MillraceError("INTERNAL", `the rebuild of ${data.name} ended without a word`);
  let holding: Promise<void> = Promise.resolve();
  worker.on("error", (error) => {
    failure = error;
  });
  worker.on("message", (message: FromRebuild) => {
    if (message.type === "progress") onProgress(message.progress);
    else if (message.type === "done") result = message.result;
    else if (message.type === "failed") failure = new MillraceError(message.code, message.message);
    else {
      holding = whileStill(async () => {
        say({ type: "held" });
        await ended;
      });
    }
  });
  await ended;
  signal.removeEventListener("abort", stop);
  await holding;
  if (result === null) throw failure;
  return result;
};
