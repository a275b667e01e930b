import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { trackChild } from "../infra/children.ts";
import type { Settings } from "../infra/config.ts";
import { type ErrorCode, MillraceError } from "../schemas/errors.ts";
import type { JobProgress, TrainedModel, TrainingJob } from "./job.ts";

/** Runs a job to a stored model, wherever. Rejects with a coded error; on abort with the signal's reason. */
export type JobRunner = (
  job: TrainingJob,
  options: { onProgress: (progress: JobProgress) => void; signal: AbortSignal },
) => Promise<TrainedModel>;

/** The engines that a job's process opens by itself. */
export type JobEngines = Pick<Settings, "eventStore" | "broker" | "artifacts" | "schemaRegistry">;

export type ToJob = { job: TrainingJob; engines: JobEngines; workers: number };

export type FromJob =
  | { type: "progress"; progress: JobProgress }
  | { type: "done"; model: TrainedModel }
  | { type: "failed"; code: ErrorCode; message: string };

/** Runs each job in a process of its own, which is killed on abort. TRAINING_FAILED when it dies. */
export const jobProcess =
  (engines: JobEngines, workers: number): JobRunner =>
  (job, { onProgress, signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const child: ChildProcess = fork(fileURLToPath(new URL("./process.ts", import.meta.url)), [], {
        execArgv: ["--disable-warning=ExperimentalWarning"],
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      trackChild(child);
      let answer: Exclude<FromJob, { type: "progress" }> | null = null;
      const abort = (): void => {
        child.kill("SIGKILL");
      };
      signal.addEventListener("abort", abort, { once: true });
      child.on("message", (message: FromJob) => {
        if (message.type === "progress") return onProgress(message.progress);
        // It has answered and ends by itself: nothing is left to kill.
        signal.removeEventListener("abort", abort);
        answer = message;
      });
      child.on("error", (cause) => {
        reject(new MillraceError("TRAINING_FAILED", "The process of the job could not be run.", { cause }));
      });
      // Not "exit": that may come before the last message.
      child.on("close", (code, killedBy) => {
        signal.removeEventListener("abort", abort);
        if (signal.aborted) reject(signal.reason);
        if (answer?.type === "done") return resolve(answer.model);
        if (answer?.type === "failed") return reject(new MillraceError(answer.code, answer.message));
        const how = killedBy === null ? `ended with code ${code}` : `was killed by ${killedBy}`;
        reject(new MillraceError("TRAINING_FAILED", `The process of the job ${how}; it may have run out of memory.`));
      });
      child.send({ job, engines, workers } satisfies ToJob);
    });
