import type { TrainingJobEvent, TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

type End = Extract<TrainingJobEvent, { type: "TrainingJobCompleted" | "TrainingJobFailed" | "TrainingJobCancelled" }>;

export type TrainingJob = {
  spec: TrainingSpec;
  status: "submitted" | "running" | "completed" | "failed" | "cancelled";
  /** Of the newest start; 0 before the first. */
  attempt: number;
  worker: string | null;
  /** The event that ended the job, by which a repeated report is recognised. */
  end: End | null;
};

export type TrainingJobCommand =
  | { type: "SubmitTrainingJob"; data: { id: string; spec: TrainingSpec } }
  | Command<"StartTrainingJob">
  | Command<"ReportTrainingProgress">
  | Command<"CompleteTrainingJob">
  | Command<"FailTrainingJob">
  | Command<"CancelTrainingJob">;

/**
 * One training, from submission to its only end. A job whose worker died is started again with the next attempt;
 * attempts count up by one, so that two workers cannot both take the same job.
 */
export const trainingJob: Decider<TrainingJob | null, TrainingJobCommand, TrainingJobEvent> = {
  aggregate: "training-job",
  initial: null,

  decide(command, state) {
    const what = `training job "${command.data.id}"`;
    if (command.type === "SubmitTrainingJob") {
      const { spec } = command.data;
      if (state === null) return [{ type: "TrainingJobSubmitted", data: spec }];
      if (sameValue(spec, state.spec)) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    const { id: _, ...data } = command.data;
    switch (command.type) {
      case "StartTrainingJob": {
        unfinished(current, what);
        const { worker, attempt } = command.data;
        if (current.attempt === attempt && current.worker === worker) return [];
        if (attempt !== current.attempt + 1) {
          throw refused(`${what} is at attempt ${current.attempt}; the next is ${current.attempt + 1}, not ${attempt}`);
        }
        return [{ type: "TrainingJobStarted", data: { worker, attempt } }];
      }
      case "ReportTrainingProgress": {
        running(current, what);
        const { phase, done, total, message } = command.data;
        return [{ type: "TrainingJobProgressed", data: { phase, done, total, message } }];
      }
      case "CompleteTrainingJob": {
        if (current.end?.type === "TrainingJobCompleted" && sameValue(current.end.data, data)) return [];
        running(current, what);
        const { version, rows, metrics } = command.data;
        return [{ type: "TrainingJobCompleted", data: { version, rows, metrics } }];
      }
      case "FailTrainingJob": {
        if (current.end?.type === "TrainingJobFailed" && sameValue(current.end.data, data)) return [];
        unfinished(current, what);
        const { code, message } = command.data;
        return [{ type: "TrainingJobFailed", data: { code, message } }];
      }
      case "CancelTrainingJob":
        if (current.status === "cancelled") return [];
        unfinished(current, what);
        return [{ type: "TrainingJobCancelled", data: {} }];
    }
  },

  evolve(state, event) {
    if (event.type === "TrainingJobSubmitted") {
      return { spec: event.data, status: "submitted", attempt: 0, worker: null, end: null };
    }
    if (state === null) return state;
    switch (event.type) {
      case "TrainingJobStarted":
        return { ...state, status: "running", attempt: event.data.attempt, worker: event.data.worker };
      case "TrainingJobProgressed":
        return state;
      case "TrainingJobCompleted":
        return { ...state, status: "completed", end: event };
      case "TrainingJobFailed":
        return { ...state, status: "failed", end: event };
      case "TrainingJobCancelled":
        return { ...state, status: "cancelled", end: event };
    }
  },
};

const unfinished = (state: TrainingJob, what: string): void => {
  if (state.end !== null) throw refused(`${what} is ${state.status}; submit a new one`);
};

const running = (state: TrainingJob, what: string): void => {
  unfinished(state, what);
  if (state.status !== "running") throw refused(`${what} is ${state.status}; start it first`);
};
