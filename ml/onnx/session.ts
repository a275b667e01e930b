import { type InferenceSession, Tensor } from "onnxruntime-node";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { Signature, Task, TensorInfo } from "../../schemas/lifecycle/model.ts";
import { createSession, reasonOf, runtimeFingerprint } from "./runtime.ts";
import { type ModelStructure, readStructure } from "./structure.ts";

/** A loaded model that scores rows of float32 columns. */
export type Scorer = {
  columns: number;
  /** What the graph is made for, as skl2onnx and onnxmltools write it; null where its outputs do not tell. */
  task: Task | null;
  /** `rows` is row-major, `count * columns` values or more; answers `count` outputs. SCORING_FAILED. */
  score(rows: Float32Array, count: number): Promise<Float32Array>;
  /** E.g. "onnxruntime 1.30.0 cpu threads=1". */
  runtime: string;
  close(): Promise<void>;
};

/** A scorer whose session is in this thread. */
export type SessionScorer = Scorer & {
  /** What the model asks for and answers, as ONNX Runtime understands it. */
  signature: Signature;
};

const tensorInfo = (value: InferenceSession.ValueMetadata): TensorInfo =>
  value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape.map((size) => (typeof size === "number" ? size : -1)) }
    : { name: value.name, type: "non-tensor", shape: [] };

/** Rows in one call of the runtime, which blocks the thread: at 100 trees a few milliseconds. */
const MAX_CALL_ROWS = 4096;

const invalid = (message: string): MillraceError => new MillraceError("INVALID_MODEL", message);

const inputOf = (session: InferenceSession): { name: string; columns: number } => {
  const [input, ...more] = session.inputMetadata;
  if (input === undefined || more.length > 0) {
    const names = session.inputNames.join(", ");
    throw invalid(
      `The model has ${session.inputNames.length} inputs (${names}); one float tensor [N, columns] is served.`,
    );
  }
  if (!input.isTensor || input.type !== "float32" || input.shape.length !== 2) {
    const found = input.isTensor ? `${input.type} [${input.shape.join(", ")}]` : "not a tensor";
    throw invalid(`Input ${input.name} is ${found}; a float32 tensor [N, columns] is served.`);
  }
  const [rows, columns] = input.shape;
  if (typeof rows === "number") {
    throw invalid(`Input ${input.name} takes exactly ${rows} rows; export the model with a dynamic first dimension.`);
  }
  if (typeof columns !== "number" || columns < 1) {
    throw invalid(`Input ${input.name} does not say how many columns it has; export it as [N, columns].`);
  }
  return { name: input.name, columns };
};

/** The output to serve: the float tensor, and the one of the probabilities where there are several. */
const outputOf = (session: InferenceSession): string => {
  const floats = session.outputMetadata.filter((output) => output.isTensor && output.type === "float32");
  const chosen = floats.find((output) => /prob/i.test(output.name)) ?? floats[0];
  if (chosen !== undefined) return chosen.name;
  const sequence = session.outputMetadata.find((output) => !output.isTensor);
  throw invalid(
    sequence === undefined
      ? `The model has no float32 output among ${session.outputNames.join(", ")}.`
      : `Output ${sequence.name} is a sequence of maps; export the classifier with zipmap off (skl2onnx: options={id(model): {"zipmap": False}}).`,
  );
};

/** Values a row of the output: 1, or 2 for the probabilities of both classes. */
const widthOf = (name: string, output: Tensor, rows: number): 1 | 2 => {
  const width = output.size / rows;
  if (width === 1 || width === 2) return width;
  throw invalid(
    `Output ${name} has shape [${output.dims.join(", ")}] for ${rows} rows; [N], [N, 1] or [N, 2] is served.`,
  );
};

/** Classifiers answer probabilities of two classes, or a label beside them; regressors a `variable`. */
const taskOf = (session: InferenceSession, output: string, width: 1 | 2): Task | null => {
  const isLabelled = session.outputNames.includes("label") && output !== "label";
  if (width === 2 || isLabelled) return "binary";
  return output === "variable" ? "regression" : null;
};

type Call = (rows: Float32Array, count: number) => Promise<Tensor>;

const PROBE_ROWS = 37;

/** Values of many sizes that are the same on every run. */
const probeRows = (columns: number): Float32Array =>
  Float32Array.from({ length: PROBE_ROWS * columns }, (_, i) => Math.sin(i + 1) * 10 ** ((i % 7) - 2));

/**
 * Rows that may go into one call: many where a row's output is the same alone and among others, else 1. Trees pass;
 * matrix products may be summed in another order for another batch, and some graphs mix their rows outright. A model
 * that fails on the probe's values may still serve others: it is asked one row at a time.
 */
const rowsPerCall = async (call: Call, columns: number, width: 1 | 2): Promise<number> => {
  const rows = probeRows(columns);
  const together = (await call(rows, PROBE_ROWS)).data as Float32Array;
  for (let row = 0; row < PROBE_ROWS; row++) {
    const alone = (await call(rows.subarray(row * columns, (row + 1) * columns), 1)).data as Float32Array;
    for (let i = 0; i < width; i++) if (!Object.is(alone[i], together[row * width + i])) return 1;
  }
  return MAX_CALL_ROWS;
};

/**
 * Loads a model for serving: one float input [N, C]; a float output [N, 1] or [N], or the probabilities [N, 2] of a
 * binary classifier, of which the second is served. INVALID_MODEL for anything else.
 * A row's score is the same, bit for bit, whatever the batch that it is in, for replay rests on it: a model that a
 * probe finds to answer otherwise is scored row by row.
 *
 * Loading computes what is constant in the graph and scores a few rows, in this thread and without a limit: `boundOf`
 * tells whether that may be done here. `structure` is that of the same bytes where it was read before.
 */
export const openScorer = async (bytes: Buffer, structure?: ModelStructure): Promise<SessionScorer> => {
  if (structure === undefined) readStructure(bytes);
  const session = await createSession(bytes);
  try {
    const input = inputOf(session);
    const output = outputOf(session);
    const call: Call = async (rows, count) => {
      const feeds = { [input.name]: new Tensor("float32", rows, [count, input.columns]) };
      return (await session.run(feeds, [output]))[output];
    };
    const probe = async (): Promise<{ width: 1 | 2; callRows: number }> => {
      const width = widthOf(output, await call(new Float32Array(2 * input.columns), 2), 2);
      return { width, callRows: await rowsPerCall(call, input.columns, width).catch(() => 1) };
    };
    const { width, callRows } = await probe().catch((error: unknown) => {
      if (isMillraceError(error)) throw error;
      const reason = reasonOf(error);
      throw new MillraceError("INVALID_MODEL", `The model cannot score a row of numbers: ${reason}`, { cause: error });
    });
    return {
      columns: input.columns,
      task: taskOf(session, output, width),
      runtime: runtimeFingerprint,
      signature: { inputs: session.inputMetadata.map(tensorInfo), outputs: session.outputMetadata.map(tensorInfo) },
      async score(rows, count) {
        const outputs = new Float32Array(count);
        for (let from = 0; from < count; from += callRows) {
          const size = Math.min(callRows, count - from);
          const chunk = rows.subarray(from * input.columns, (from + size) * input.columns);
          const answer = await call(chunk, size).catch((error: Error) => {
            throw new MillraceError("SCORING_FAILED", `The model failed on ${size} rows: ${reasonOf(error)}`, {
              cause: error,
            });
          });
          const scores = answer.data as Float32Array;
          if (width === 1) outputs.set(scores, from);
          else for (let i = 0; i < size; i++) outputs[from + i] = scores[2 * i + 1];
        }
        return outputs;
      },
      close: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
};
