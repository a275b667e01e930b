import { test } from "node:test";
import { trainingJob } from "../../commands/training-job/decider.ts";
import type { TrainingJobEvent } from "../../schemas/lifecycle/training-job.ts";
import { training } from "./samples.ts";
import { spec } from "./specification.ts";

const submitted: TrainingJobEvent = { type: "TrainingJobSubmitted", data: training };
const started: TrainingJobEvent = { type: "TrainingJobStarted", data: { worker: "w1", attempt: 1 } };
const progressed: TrainingJobEvent = {
  type: "TrainingJobProgressed",
  data: { phase: "trees", done: 1, total: 10, message: "" },
};
const completed: TrainingJobEvent = {
  type: "TrainingJobCompleted",
  data: { version: 1, rows: 9, metrics: { auc: 0.8 } },
};
const failed: TrainingJobEvent = { type: "TrainingJobFailed", data: { code: "TRAINING_FAILED", message: "no rows" } };
const cancelled: TrainingJobEvent = { type: "TrainingJobCancelled", data: {} };

const submit = { type: "SubmitTrainingJob", data: { id: "j", spec: training } } as const;
const start = { type: "StartTrainingJob", data: { id: "j", ...started.data } } as const;
const report = { type: "ReportTrainingProgress", data: { id: "j", ...progressed.data } } as const;
const complete = { type: "CompleteTrainingJob", data: { id: "j", ...completed.data } } as const;
const fail = { type: "FailTrainingJob", data: { id: "j", ...failed.data } } as const;
const cancel = { type: "CancelTrainingJob", data: { id: "j" } } as const;

test("a job goes from submission over progress to completion", () => {
  spec(trainingJob).given().when(submit).then(submitted);
  spec(trainingJob).given(submitted).when(submit).then();
  spec(trainingJob).given(submitted).when(start).then(started);
  spec(trainingJob).given(submitted, started).when(report).then(progressed);
  spec(trainingJob).given(submitted, started, progressed).when(complete).then(completed);
});

test("another job under the same id is refused", () => {
  spec(trainingJob)
    .given(submitted)
    .when({ ...submit, data: { id: "j", spec: { ...training, to: 2000 } } })
    .thenError("ALREADY_EXISTS", /"j"/);
});

test("after a crash the job starts again with the next attempt, and one worker gets it", () => {
  const again = (worker: string, attempt: number) =>
    ({ type: "StartTrainingJob", data: { id: "j", worker, attempt } }) as const;
  const second: TrainingJobEvent = { type: "TrainingJobStarted", data: { worker: "w2", attempt: 2 } };
  spec(trainingJob).given(submitted, started).when(again("w2", 2)).then(second);
  spec(trainingJob).given(submitted, started, second).when(again("w2", 2)).then();
  spec(trainingJob)
    .given(submitted, started, second)
    .when(again("w3", 2))
    .thenError("ILLEGAL_STATE", /next is 3/);
  spec(trainingJob)
    .given(submitted)
    .when(again("w1", 2))
    .thenError("ILLEGAL_STATE", /next is 1/);
});

test("only a running job reports or completes", () => {
  spec(trainingJob)
    .given(submitted)
    .when(report)
    .thenError("ILLEGAL_STATE", /start it first/);
  spec(trainingJob)
    .given(submitted)
    .when(complete)
    .thenError("ILLEGAL_STATE", /start it first/);
  for (const command of [start, report, complete, fail, cancel]) {
    spec(trainingJob).given().when(command).thenError("NOT_FOUND", /"j"/);
  }
});

test("a job can fail or be cancelled before it runs and while it runs", () => {
  for (const past of [[submitted], [submitted, started]]) {
    spec(trainingJob)
      .given(...past)
      .when(fail)
      .then(failed);
    spec(trainingJob)
      .given(...past)
      .when(cancel)
      .then(cancelled);
  }
});

test("an end is final; the same report again changes nothing", () => {
  const ends = [
    [completed, complete],
    [failed, fail],
    [cancelled, cancel],
  ] as const;
  for (const [end, same] of ends) {
    const over = spec(trainingJob).given(submitted, started, end);
    over.when(same).then();
    for (const command of [start, report, complete, fail, cancel]) {
      if (command !== same) over.when(command).thenError("ILLEGAL_STATE", /submit a new one/);
    }
  }
});
