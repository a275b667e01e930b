import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { type TrainingJob, type TrainingJobCommand, trainingJob } from "./decider.ts";

const submit = async (
  { spec }: Payload<"SubmitTrainingJob">,
  { project, id, state, checks }: HandlerContext<TrainingJob | null>,
): Promise<TrainingJobCommand> => {
  if (state === null) await checks.checkTraining(project, spec);
  return { type: "SubmitTrainingJob", data: { id, spec } };
};

export const trainingJobHandlers = handlersOf(trainingJob, {
  SubmitTrainingJob: {
    id: ({ id }) => id,
    prepare: submit,
    serial: "project",
  },
  StartTrainingJob: { id: ({ id }) => id, prepare: asGiven("StartTrainingJob") },
  ReportTrainingProgress: { id: ({ id }) => id, prepare: asGiven("ReportTrainingProgress") },
  CompleteTrainingJob: { id: ({ id }) => id, prepare: asGiven("CompleteTrainingJob") },
  FailTrainingJob: { id: ({ id }) => id, prepare: asGiven("FailTrainingJob") },
  CancelTrainingJob: { id: ({ id }) => id, prepare: asGiven("CancelTrainingJob") },
});
