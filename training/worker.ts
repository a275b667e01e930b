import type { CommandRequest, CommandResult } from "../commands/bus.ts";
import { serviceActor } from "../commands/gate.ts";
import type { Logger } from "../commands/log.ts";
import { type TrainingJob as JobState, trainingJob } from "../commands/training-job/decider.ts";
import type { EventStore, StoredEvent } from "../infra/event-store/port.ts";
import { asMillraceError, type ErrorCode, isMillraceError } from "../schemas/errors.ts";
import type { TrainingJobEvent } from "../schemas/lifecycle/training-job.ts";
import { parseStreamName } from "../schemas/lifecycle.ts";
import { upcast } from "../schemas/upcasters.ts";
import type { JobProgress, TrainedModel } from "./job.ts";
import type { JobRunner } from "./runner.ts";

export type TrainingWorkerOptions = {
  eventStore: EventStore;
  dispatch: (request: CommandRequest) => Promise<CommandResult>;
  runJob: JobRunner;
  signal: AbortSignal;
  logger: Logger;
  /**
   * Stable over restarts, and unique among workers: a running job of this name that is found at the start was left by a
   * crash, and is attempted again.
   */
  name?: string;
};

export const MAX_ATTEMPTS = 3;
/** Progress within a phase is reported at most so often, since every report is an event for ever. */
const REPORT_EVERY_MS = 2_000;

/** Why a job is left alone. */
const notToBeTaken: ReadonlySet<ErrorCode> = new Set([
  "ILLEGAL_STATE",
  "UNREADABLE_EVENT",
  "UNKNOWN_EVENT",
  "HISTORY_INCOMPLETE",
]);

type Known = {
  id: string;
  project: string;
  state: JobState;
  /** The newest event of the job, which the worker's commands are caused by, and the story that it belongs to. */
  cause: { causationId: string; correlationId: string };
};

type Send = (
  job: Pick<Known, "project" | "cause">,
  type: string,
  payload: unknown,
  key?: string,
) => Promise<CommandResult>;

/**
 * The training role: takes submitted jobs one at a time, in the order of their submission, and reports by commands.
 * A cancelled job's run is killed. When the signal ends the worker, the job at hand stays running and is attempted
 * again at the next start. Resolves after the signal.
 */
export const runTrainingWorker = async (options: TrainingWorkerOptions): Promise<void> => {
  const { eventStore, runJob, signal, logger } = options;
  const name = options.name ?? "training-worker";
  const jobs = new Map<string, Known>();
  let current: { stream: string; abort: AbortController } | null = null;
  let wake = Promise.withResolvers<void>();

  const send: Send = ({ project, cause }, type, payload, key) =>
    options.dispatch({ ...cause, type, project, payload, actor: serviceActor(name), idempotencyKey: key });

  const follow = async (caughtUp: () => void): Promise<void> => {
    for await (const message of eventStore.subscribe({ prefixes: ["training-job-"], signal })) {
      if (message.type === "caughtUp") caughtUp();
      else if (message.type === "event") evolve(message.event);
    }
  };

  const evolve = (stored: StoredEvent): void => {
    const stream = parseStreamName(stored.stream);
    if (stream === null) return;
    const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
    const before = jobs.get(stored.stream)?.state ?? trainingJob.initial;
    const state = trainingJob.evolve(before, { type: stored.type, data } as TrainingJobEvent);
    if (state === null) return;
    // A job that has ended is never looked at again.
    if (state.end === null) {
      const cause = { causationId: stored.id, correlationId: stored.metadata.$correlationId };
      jobs.set(stored.stream, { id: stream.id, project: stream.project, state, cause });
    } else jobs.delete(stored.stream);
    if (state.status === "cancelled" && current?.stream === stored.stream) {
      current.abort.abort(new Error("The job was cancelled."));
    }
    wake.resolve();
  };

  const next = (): [stream: string, job: Known] | undefined =>
    [...jobs].find(([, { state }]) => state.status === "submitted" || state.worker === name);

  const take = async (stream: string, job: Known): Promise<void> => {
    const { id, project, state } = job;
    const attempt = state.attempt + 1;
    if (attempt > MAX_ATTEMPTS) {
      const message = `The job's worker died ${MAX_ATTEMPTS} times; it will not be tried again.`;
      await send(job, "FailTrainingJob", { id, code: "TRAINING_FAILED", message });
      return;
    }
    await send(job, "StartTrainingJob", { id, worker: name, attempt });
    const abort = new AbortController();
    current = { stream, abort };
    // The cancellation may have come before there was anything to abort.
    if (!jobs.has(stream)) abort.abort(new Error("The job was cancelled."));
    const reports = progressReports((progress) => send(job, "ReportTrainingProgress", { id, ...progress }));
    try {
      const model = await runJob(
        { id, project, spec: state.spec },
        { onProgress: reports.add, signal: AbortSignal.any([signal, abort.signal]) },
      );
      await reports.settled();
      await complete(job, model);
    } catch (error) {
      await reports.settled();
      if (signal.aborted || abort.signal.aborted) return;
      const { code, message } = asMillraceError(error);
      logger.warn({ job: id, project, code, err: error }, "training job failed");
      await send(job, "FailTrainingJob", { id, code, message: message.slice(0, 2000) });
    } finally {
      current = null;
    }
  };

  const complete = async (job: Known, model: TrainedModel): Promise<void> => {
    const { id, project, state } = job;
    const { spec } = state;
    const { artifact, task, columns, metrics, profile, lineage, rows } = model;
    const created = await send(
      job,
      "CreateModelVersion",
      { model: spec.model, artifact, task, columns, metrics, profile, lineage },
      id,
    );
    const version = created.version as number;
    await send(job, "CompleteTrainingJob", { id, version, rows, metrics });
    logger.info({ job: id, project, model: spec.model, version, rows }, "training job completed");
  };

  const caughtUp = Promise.withResolvers<void>();
  const following = follow(caughtUp.resolve);
  // Its failure is met at the next wait, not while a job runs.
  following.catch(() => {});
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await Promise.race([caughtUp.promise, following, aborted]);
  while (!signal.aborted) {
    wake = Promise.withResolvers();
    const found = next();
    if (found === undefined) {
      // `following` only ends with the signal, or by failing.
      await Promise.race([wake.promise, following, aborted]);
      continue;
    }
    const [stream, job] = found;
    try {
      await take(stream, job);
    } catch (error) {
      // Cancelled meanwhile, or taken by another worker: its events say which. Or its events cannot be read any more.
      if (!isMillraceError(error) || !notToBeTaken.has(error.code)) throw error;
      logger.info({ job: job.id, project: job.project, reason: error.message }, "training job is not to be taken");
    }
    jobs.delete(stream);
  }
  await following.catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
};

type Reports = { add(progress: JobProgress): void; settled(): Promise<void> };

/** Reports the start of every phase, and the newest progress within it now and then; one at a time, in order. */
const progressReports = (report: (progress: JobProgress) => Promise<unknown>): Reports => {
  let phase = "";
  let reportedAt = 0;
  let queue: Promise<unknown> = Promise.resolve();
  return {
    add: (progress) => {
      const now = performance.now();
      if (progress.phase === phase && now - reportedAt < REPORT_EVERY_MS) return;
      phase = progress.phase;
      reportedAt = now;
      // A report that is refused is of a job that has been cancelled, which aborts the run by its event.
      queue = queue.then(() => report(progress)).catch(() => {});
    },
    settled: async () => {
      await queue;
    },
  };
};
