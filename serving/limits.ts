/** What a stranger's model may take. Milliseconds are of the wall clock. */
export type ModelLimits = {
  /** Of loading a model and scoring a few rows. */
  inspectTimeoutMs: number;
  /** Of one call, and so of one row. */
  scoreTimeoutMs: number;
  /** Of the whole process that the model is in. */
  memoryBytes: number;
};
