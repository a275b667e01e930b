import { boundOf } from "../ml/onnx/bounds/bound.ts";
import { openScorer } from "../ml/onnx/session.ts";
import { readStructure } from "../ml/onnx/structure.ts";
import type { OutputChoice } from "../schemas/lifecycle/model.ts";
import type { ModelLimits } from "./limits.ts";
import { type GuardedScorer, processScorer } from "./process-scorer.ts";

/**
 * Loads a model to be scored: in this thread where each row costs no more than a known time, which is what trees,
 * linear models and small networks do; else in a process of its own, which is ended when a call takes too long.
 * The signal cuts off loading and calls in a process: they reject with CLOSED. INVALID_MODEL; ENGINE_UNAVAILABLE.
 */
export const guardedScorer = async (
  bytes: Buffer,
  limits: ModelLimits,
  { output, outputIndex }: OutputChoice,
  signal?: AbortSignal,
): Promise<GuardedScorer> => {
  const structure = readStructure(bytes);
  if (!boundOf(structure).isBounded) return processScorer(bytes, limits, { output, outputIndex }, signal);
  return { ...(await openScorer(bytes, { output, outputIndex, structure })), failure: () => null };
};
