import type { Inspection } from "../ml/onnx/inspect.ts";
import { isMillraceError, MillraceError } from "../schemas/errors.ts";
import type { OutputChoice } from "../schemas/lifecycle/model.ts";
import type { ModelLimits } from "./limits.ts";
import { type ModelProcess, ModelStoppedError, startModelProcess } from "./process/model-process.ts";
import type { ModelSource } from "./process/transfer.ts";

export type ModelInspector = {
  /**
   * What the bytes of a model say about it, found in a process of its own within the limits. INVALID_MODEL says what is
   * wrong or which limit it met; ENGINE_UNAVAILABLE where too many wait.
   */
  inspect(source: ModelSource, choice?: OutputChoice): Promise<Inspection>;
  close(): Promise<void>;
};

const mostWaiting = 16;

/** How long a process is kept for the next model. */
const idleMs = 60_000;

const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`;

/** The runtime's words when it was not given memory. */
const refusedMemory = /bad_alloc|bad allocation|failed to allocate/i;

/** Says which limit a model met while it was loaded. Other errors are the model's own. */
export const asInvalidModel = (error: unknown, { inspectTimeoutMs, memoryBytes }: ModelLimits): unknown => {
  const reasons = {
    time: `The model takes longer than ${inspectTimeoutMs} ms to load and to score a few rows (MODEL_INSPECT_TIMEOUT_MS).`,
    memory: `The model takes more than ${megabytes(memoryBytes)} of memory (MODEL_MEMORY_BYTES).`,
    none: "The model makes ONNX Runtime crash.",
  };
  const limit =
    error instanceof ModelStoppedError
      ? error.limit
      : isMillraceError(error, "INVALID_MODEL") && refusedMemory.test(error.message)
        ? "memory"
        : null;
  return limit === null ? error : new MillraceError("INVALID_MODEL", reasons[limit], { cause: error });
};

/** The file and what the runtime makes of it are in memory side by side. INVALID_MODEL. */
export const checkSize = (bytes: number, { memoryBytes }: ModelLimits): void => {
  if (bytes <= memoryBytes / 2) return;
  const most = megabytes(memoryBytes / 2);
  throw new MillraceError(
    "INVALID_MODEL",
    `The model has ${megabytes(bytes)}; ${most} is the most (MODEL_MEMORY_BYTES).`,
  );
};

/** One process, started when it is needed, for one model after the other; a new one after a model that stopped it. */
export const modelInspector = (limits: ModelLimits): ModelInspector => {
  let warm: ModelProcess | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let idle: NodeJS.Timeout | null = null;
  let closed = false;

  const drop = async (): Promise<void> => {
    const held = warm;
    warm = null;
    await held?.end();
  };

  const inspectNow = async (source: ModelSource, choice: OutputChoice): Promise<Inspection> => {
    if (closed) throw new MillraceError("CLOSED", "models are not looked at any more");
    if (idle !== null) clearTimeout(idle);
    checkSize(source.size, limits);
    try {
      if (warm?.isAlive() !== true) warm = await startModelProcess(limits.memoryBytes);
      await warm.give(source);
      return await warm.ask<Inspection>({ type: "inspect", choice }, limits.inspectTimeoutMs);
    } catch (error) {
      if (closed) throw new MillraceError("CLOSED", "models are not looked at any more", { cause: error });
      throw asInvalidModel(error, limits);
    } finally {
      // What the runtime keeps of one model would count against the next.
      if (closed || warm === null || !warm.isAlive() || warm.residentBytes() > limits.memoryBytes / 4) await drop();
      idle = setTimeout(() => void drop(), idleMs).unref();
    }
  };

  return {
    inspect: async (source, choice = { output: null, outputIndex: null }) => {
      if (waiting >= mostWaiting) {
        throw new MillraceError("ENGINE_UNAVAILABLE", `${waiting} models wait to be looked at; try again`);
      }
      waiting += 1;
      const mine = turn.then(() => inspectNow(source, choice));
      turn = mine.catch(() => {});
      return mine.finally(() => {
        waiting -= 1;
      });
    },
    close: async () => {
      closed = true;
      if (idle !== null) clearTimeout(idle);
      await drop();
    },
  };
};
