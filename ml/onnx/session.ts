import type { InferenceSession, Tensor } from "onnxruntime-node";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import type { OutputChoice, Signature, Task, TensorInfo } from "../../schemas/lifecycle/model.ts";
import { batchScorer, type Call, isSame } from "./batch-scorer.ts";
import { areBatchesExact, probeCount, probeRows } from "./batches.ts";
import { inputsOf } from "./inputs.ts";
import { chooseOutput } from "./outputs/choose.ts";
import { asTensors, tensorsOfMaps, withOutputs } from "./outputs/maps.ts";
import { servedValue } from "./outputs/served-value.ts";
import { createSession, reasonOf, runtimeFingerprint } from "./runtime.ts";
import { type ModelStructure, readStructure } from "./structure.ts";

/** A loaded model that scores rows of float32 columns. */
export type Scorer = {
  columns: number;
  /** What the graph is made for, as exporters write it; null where it does not tell. */
  task: Task | null;
  /** What of the model's answer is served. */
  output: string;
  outputIndex: number;
  /** `rows` is row-major, `count * columns` values or more; answers `count` outputs. SCORING_FAILED. */
  score(rows: Float32Array, count: number): Promise<Float32Array>;
  /**
   * Whether a row was found that has another answer among others than alone. From then on rows are scored alone, and
   * those that were asked for are not answered otherwise.
   */
  differed(): boolean;
  /** E.g. "onnxruntime 1.30.0 cpu threads=1". */
  runtime: string;
  close(): Promise<void>;
};

/** A scorer whose session is in this thread. */
export type SessionScorer = Scorer & {
  /** What the model asks for and answers, as ONNX Runtime understands it. */
  signature: Signature;
  /** Names of the columns where the model has an input for each; null where it has one matrix. */
  names: string[] | null;
};

export type ScorerOptions = Partial<OutputChoice> & {
  /** Of the same bytes where it was read before. */
  structure?: ModelStructure;
  /** Rows are scored alone: another session of the model has found that they must be. */
  alone?: boolean;
};

const tensorInfo = (value: InferenceSession.ValueMetadata): TensorInfo =>
  value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape.map((size) => (typeof size === "number" ? size : -1)) }
    : { name: value.name, type: "non-tensor", shape: [] };

const dataOf = (tensor: Tensor, name: string, count: number): Float32Array => {
  const [rows] = tensor.dims;
  // A single row may be a scalar.
  if (rows === count || (count === 1 && tensor.size === 1)) return tensor.data as Float32Array;
  const found = `shape [${tensor.dims.join(", ")}] for ${count} rows`;
  throw new MillraceError("SCORING_FAILED", `Output ${name} has ${found}; it does not answer each row.`);
};

/** Whether the probe's rows have the same answer alone and among others; not where the model fails on them. */
const isProbedExact = async (call: Call, rows: Float32Array, columns: number): Promise<boolean> => {
  try {
    const together = await call(rows, probeCount);
    const width = together.length / probeCount;
    for (let row = 0; row < probeCount; row++) {
      const alone = await call(rows.subarray(row * columns, (row + 1) * columns), 1);
      if (!isSame(alone, together, row * width, width)) return false;
    }
    return true;
  } catch {
    return false;
  }
};

const asInvalid = (error: unknown): MillraceError => {
  const reason = isMillraceError(error) ? error.message : reasonOf(error);
  return new MillraceError("INVALID_MODEL", `The model cannot score a row of numbers: ${reason}`, { cause: error });
};

/** Rows of numbers with which it is found how many values the model answers for each. */
const firstRows = 3;

/**
 * Loads a model for serving: float columns in, one of its float outputs out (`chooseOutput`, `servedValue`).
 * INVALID_MODEL for anything else.
 * A row's score is the same, bit for bit, whatever the batch that it is in, for replay rests on it: rows are scored
 * together only where the graph shows that this is so (`areBatchesExact`), a probe and each batch are looked at.
 *
 * Loading computes what is constant in the graph and scores a few rows, in this thread and without a limit: `boundOf`
 * tells whether that may be done here.
 */
export const openScorer = async (bytes: Buffer, options: ScorerOptions = {}): Promise<SessionScorer> => {
  const structure = options.structure ?? readStructure(bytes);
  const tensors = tensorsOfMaps(structure);
  const session = await createSession(withOutputs(bytes, structure, tensors.values()));
  try {
    const signature = {
      inputs: session.inputMetadata.map(tensorInfo),
      outputs: asTensors(session.outputMetadata.map(tensorInfo), structure, tensors),
    };
    const output = chooseOutput(structure, signature.outputs, options.output ?? null);
    const { columns, names, feeds } = inputsOf(session, structure, output);
    const fetched = tensors.get(output) ?? output;
    const call: Call = async (rows, count) =>
      dataOf((await session.run(feeds(rows, count), [fetched]))[fetched], output, count);
    const probe = probeRows(structure, columns);
    const first = await call(new Float32Array(firstRows * columns), firstRows).catch((error: unknown) => {
      throw asInvalid(error);
    });
    const inRange = await call(probe, probeCount).catch(() => first);
    const width = first.length / firstRows;
    const value = servedValue(structure, signature, { output, outputIndex: options.outputIndex ?? null }, [
      width,
      inRange,
    ]);
    const isExact =
      options.alone !== true && areBatchesExact(structure, fetched) && (await isProbedExact(call, probe, columns));
    const { score, differed } = batchScorer(call, columns, [width, value.index], isExact);
    return {
      columns,
      names,
      task: value.task,
      output,
      outputIndex: value.index,
      runtime: runtimeFingerprint,
      signature,
      score,
      differed,
      close: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
};
