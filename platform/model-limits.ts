import type { Settings } from "../infra/config.ts";
import type { ModelLimits } from "../serving/limits.ts";

export const modelLimits = (settings: Settings): ModelLimits => ({
  inspectTimeoutMs: settings.modelInspectTimeoutMs,
  scoreTimeoutMs: settings.modelScoreTimeoutMs,
  memoryBytes: settings.modelMemoryBytes,
});
