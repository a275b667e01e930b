import type { Scorer } from "../ml/onnx/session.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import type { OutputChoice } from "../schemas/lifecycle/model.ts";
import { asInvalidModel } from "./inspector.ts";
import type { ModelLimits } from "./limits.ts";
import type { OpenedModel, ScoredByModel } from "./process/messages.ts";
import { type ModelProcess, ModelStoppedError, startModelProcess } from "./process/model-process.ts";
import { sourceOf } from "./process/transfer.ts";

/** A scorer that comes to an end whatever the model does. */
export type GuardedScorer = Scorer & {
  /** Why the model is scored no more; null while it is. Every call then fails with this at once. */
  failure(): MillraceError | null;
};

/** Rows that stop the process within the window: after these the model is scored no more. */
const mostStops = 3;
const stopsWindowMs = 10 * 60_000;

const firstRows = 64;
const mostRows = 4096;

/** A call is to take a tenth of its time at most, so that only a row that takes it all runs into the limit. */
const aimedShare = 0.1;

const stopped = ({ limit, message }: ModelStoppedError, { scoreTimeoutMs }: ModelLimits): MillraceError =>
  limit === "time"
    ? new MillraceError("SCORE_TIMEOUT", `The model takes longer than ${scoreTimeoutMs} ms (MODEL_SCORE_TIMEOUT_MS).`)
    : new MillraceError("SCORING_FAILED", `The model stopped its process (${message}); it may take too much memory.`);

/**
 * A scorer in a process of its own. A call that takes too long ends the process; the next one starts another. A model
 * that does so on several single rows within ten minutes is scored no more: each of them holds up all that waits.
 */
export const processScorer = async (
  bytes: Buffer,
  limits: ModelLimits,
  { output, outputIndex }: OutputChoice,
  signal?: AbortSignal,
): Promise<GuardedScorer> => {
  let held: ModelProcess | null = null;
  let failure: MillraceError | null = null;
  let closed = false;
  let stops: number[] = [];
  let chunk = firstRows;
  let most = mostRows;
  let differed = false;

  const checkOpen = (): void => {
    if (closed || signal?.aborted)
      throw new MillraceError("CLOSED", "the model is scored no more: its scorer is closed");
  };

  const open = async (): Promise<OpenedModel> => {
    checkOpen();
    try {
      held = await startModelProcess(limits.memoryBytes, signal);
      await held.give(sourceOf(bytes));
      return await held.ask<OpenedModel>(
        { type: "open", choice: { output, outputIndex }, alone: differed },
        limits.inspectTimeoutMs,
      );
    } catch (error) {
      await held?.end();
      checkOpen();
      throw asInvalidModel(error, limits);
    }
  };

  const strike = (error: MillraceError): void => {
    const now = performance.now();
    stops = [...stops.filter((at) => now - at < stopsWindowMs), now];
    if (stops.length < mostStops) return;
    const times = `it has done so on ${stops.length} rows: it is scored no more until its deployment is changed`;
    failure = new MillraceError(error.code, `${error.message.replace(/\.$/, "")}; ${times}.`, { cause: error });
  };

  /** A model that loaded once and does not any more holds up its rows as one does that takes too long. */
  const reopen = async (): Promise<void> => {
    try {
      await open();
    } catch (error) {
      if (isMillraceError(error) && !error.retryable) strike(error);
      throw error;
    }
  };

  const scoreChunk = async (rows: Float32Array, count: number): Promise<Float32Array> => {
    checkOpen();
    if (held?.isAlive() !== true) await reopen();
    const startedAt = performance.now();
    try {
      const scored = await (held as ModelProcess).ask<ScoredByModel>(
        { type: "score", rows, count },
        limits.scoreTimeoutMs,
      );
      const share = (performance.now() - startedAt) / limits.scoreTimeoutMs;
      chunk = Math.max(1, Math.min(most, share < aimedShare / 2 ? chunk * 2 : share > aimedShare ? chunk >> 1 : chunk));
      differed ||= scored.differed;
      return scored.outputs;
    } catch (error) {
      checkOpen();
      if (!(error instanceof ModelStoppedError)) throw error;
      await held?.end();
      if (error.limit === "memory" && count > 1) most = Math.ceil(count / 4);
      chunk = Math.min(firstRows, most);
      const coded = stopped(error, limits);
      // Among others it is not known which row it was.
      if (count === 1) strike(coded);
      throw coded;
    }
  };

  const opened = await open();
  return {
    ...opened,
    failure: () => failure,
    differed: () => differed,
    score: async (rows, count) => {
      const outputs = new Float32Array(count);
      let known = differed;
      for (let from = 0; from < count; ) {
        if (failure !== null) throw failure;
        const size = Math.min(chunk, count - from);
        const part = rows.subarray(from * opened.columns, (from + size) * opened.columns);
        outputs.set(await scoreChunk(part, size), from);
        // What was scored together before this was found is scored again, alone; this part is so already.
        from = differed === known || from === 0 ? from + size : 0;
        known = differed;
      }
      return outputs;
    },
    close: async () => {
      closed = true;
      await held?.end();
    },
  };
};
