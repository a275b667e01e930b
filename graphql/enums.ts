import { builder } from "./builder.ts";

/** The words of the lifecycle events, by the name of their enum. */
const words = {
  Role: ["Admin", "Data_Scientist", "Regular_User"],
  Task: ["binary", "regression"],
  AggregateFunction: ["count", "sum", "mean", "min", "max", "variance", "last", "distinct", "quantile", "rate"],
  Variant: ["champion", "challenger", "shadow"],
  DriftStatistic: ["psi", "js", "ks", "wasserstein"],
  MonitorKind: ["drift", "error"],
  Stage: ["None", "Staging", "Production", "Archived"],
  GuardedStage: ["Staging", "Production"],
  LineageKind: ["run", "dataset", "training-job", "code"],
  ModelFormat: ["onnx", "other"],
  RunStatus: ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"],
  UploadResult: ["READY", "UPLOAD_FAILED"],
  DatasetFileFormat: ["csv", "json", "parquet", "avro"],
} as const;

export const Role = builder.enumType("Role", { values: words.Role });
export const Task = builder.enumType("Task", { values: words.Task });
export const AggregateFunction = builder.enumType("AggregateFunction", { values: words.AggregateFunction });
export const Variant = builder.enumType("Variant", { values: words.Variant });
export const DriftStatistic = builder.enumType("DriftStatistic", { values: words.DriftStatistic });
export const MonitorKind = builder.enumType("MonitorKind", { values: words.MonitorKind });
export const RunStatus = builder.enumType("RunStatus", { values: words.RunStatus });
const DatasetFileFormat = builder.enumType("DatasetFileFormat", { values: words.DatasetFileFormat });
const UploadResult = builder.enumType("UploadResult", { values: words.UploadResult });

export const Stage = builder.enumType("Stage", { values: words.Stage });
export const GuardedStage = builder.enumType("GuardedStage", {
  description: "The stages that a policy can guard.",
  values: words.GuardedStage,
});
export const LineageKind = builder.enumType("LineageKind", {
  values: {
    run: { value: "run" },
    dataset: { value: "dataset" },
    training_job: { value: "training-job" },
    code: { value: "code" },
  } as const,
});
export const ModelFormat = builder.enumType("ModelFormat", { values: words.ModelFormat });

export const Order = builder.enumType("Order", {
  description: "What a list is sorted by: the id, the moment of creation, or that of the last change.",
  values: ["name", "created", "updated"] as const,
});

const refs = {
  Role,
  Task,
  AggregateFunction,
  Variant,
  DriftStatistic,
  MonitorKind,
  RunStatus,
  UploadResult,
  DatasetFileFormat,
  Stage,
  GuardedStage,
  LineageKind,
  ModelFormat,
};

/** The enum of exactly these words, for inputs that are made from the commands' own shapes. */
export const enumOf = (asked: readonly string[]) => {
  for (const [name, known] of Object.entries(words)) {
    if (known.length === asked.length && known.every((word) => asked.includes(word))) {
      return refs[name as keyof typeof refs];
    }
  }
  throw new Error(`no enum has the values ${asked.join(", ")}: add it to graphql/enums.ts`);
};
