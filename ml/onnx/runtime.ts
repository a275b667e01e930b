import { env, InferenceSession } from "onnxruntime-node";
import { MillraceError } from "../../schemas/errors.ts";

/**
 * One thread and sequential execution: more threads spin while idle, and only one thread sums the trees of a row in
 * the same order whatever the batch. No arena and no memory pattern: both keep the largest batch ever seen.
 */
const sessionOptions: InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  enableCpuMemArena: false,
  enableMemPattern: false,
  graphOptimizationLevel: "all",
  logSeverityLevel: 4,
};

/** What a score depends on besides model and input; kept with every prediction. */
export const runtimeFingerprint = `onnxruntime ${env.versions.node ?? env.versions.common} cpu threads=1`;

const longestReason = 500;

/** Why the runtime failed, in its own words. A stranger's names stand in them: each dead letter would carry them all. */
export const reasonOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > longestReason ? `${text.slice(0, longestReason)}...` : text;
};

/** INVALID_MODEL with the runtime's message where the bytes are no model that it can run. */
export const createSession = async (bytes: Uint8Array): Promise<InferenceSession> => {
  try {
    return await InferenceSession.create(bytes, sessionOptions);
  } catch (error) {
    throw new MillraceError("INVALID_MODEL", `ONNX Runtime cannot load the model: ${reasonOf(error)}`, {
      cause: error,
    });
  }
};
