import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

const notBegun = { phase: "", done: 0, total: 0, message: "" };

export const trainingJobs: DocumentFold<"trainingJobs"> = {
  collection: "trainingJobs",
  aggregate: "training-job",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "TrainingJobSubmitted") {
      const base = created(event, idOfStream(event.stream));
      return { ...base, spec: data, status: "submitted", attempt: 0, progress: notBegun, result: null, error: null };
    }
    if (document === null) return null;
    switch (type) {
      case "TrainingJobStarted":
        return changed(document, event, { status: "running", attempt: data.attempt, progress: notBegun });
      case "TrainingJobProgressed":
        return changed(document, event, { progress: data });
      case "TrainingJobCompleted":
        return changed(document, event, { status: "completed", result: data });
      case "TrainingJobFailed":
        return changed(document, event, { status: "failed", error: data });
      case "TrainingJobCancelled":
        return changed(document, event, { status: "cancelled" });
      default:
        return document;
    }
  },
};
