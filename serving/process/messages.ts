import type { Scorer } from "../../ml/onnx/session.ts";
import type { ErrorCode } from "../../schemas/errors.ts";
import type { OutputChoice } from "../../schemas/lifecycle/model.ts";

/** What a model's process is asked; one thing at a time. The bytes of a model come on a descriptor of their own. */
export type ToModel =
  | { type: "receive"; size: number }
  | { type: "inspect"; choice: OutputChoice }
  | { type: "open"; choice: OutputChoice; alone: boolean }
  | { type: "score"; rows: Float32Array; count: number };

/** What "open" answers. */
export type OpenedModel = Pick<Scorer, "columns" | "task" | "output" | "outputIndex" | "runtime">;

/** What "score" answers. */
export type ScoredByModel = { outputs: Float32Array; differed: boolean };

export type FromModel =
  | { type: "ready" }
  /** `residentBytes` of the process, which keeps some of what it was given. */
  | { type: "done"; value: unknown; residentBytes: number }
  | { type: "failed"; code: ErrorCode; message: string };

/** What the thread that watches a model's process is given. */
export type WatchData = { memoryBytes: number; busy: SharedArrayBuffer };

/** Written to standard error before the process ends itself. */
export const outOfMemory = "millrace: the model's process has more memory than it may";
