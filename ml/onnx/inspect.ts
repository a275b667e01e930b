import { MillraceError } from "../../schemas/errors.ts";
import type { Signature, Task } from "../../schemas/lifecycle/model.ts";
import { boundOf } from "./bounds/bound.ts";
import { openScorer } from "./session.ts";
import { readStructure } from "./structure.ts";

/** What the bytes of a model say about it. `task` is null where the file does not tell. */
export type Inspection = { size: number; signature: Signature; columns: string[]; task: Task | null };

/** f0, f1, ...: as XGBoost names the columns of a matrix. */
const numbered = (width: number): string[] => Array.from({ length: width }, (_, i) => `f${i}`);

const mostColumns = 10_000;
const mostOutputs = 100;
const longestName = 1_000;

/** A version's definition keeps the signature, and each prediction a value for each column. */
const checkSize = ({ inputs, outputs }: Signature, columns: readonly string[]): void => {
  const names = [...inputs.map(({ name }) => name), ...outputs.map(({ name }) => name), ...columns];
  const isTooLarge =
    columns.length > mostColumns ||
    outputs.length > mostOutputs ||
    names.some(({ length }) => length > longestName) ||
    outputs.some(({ shape }) => shape.length > mostOutputs);
  if (!isTooLarge) return;
  throw new MillraceError(
    "INVALID_MODEL",
    `The model has ${columns.length} columns and ${outputs.length} outputs; ${mostColumns} and ${mostOutputs} are the most, with names of ${longestName} characters.`,
  );
};

const columnsIn = (text: string): string[] => {
  let columns: unknown = null;
  try {
    columns = JSON.parse(text);
  } catch {
    // Refused below, as any other value that is no list.
  }
  if (Array.isArray(columns) && columns.every((name) => typeof name === "string")) return columns;
  throw new MillraceError("INVALID_MODEL", "The model's metadata `millrace.columns` is not a JSON list of names.");
};

/**
 * What a model file asks for and answers: it is loaded and asked to score a few rows, which may take any time and
 * memory. INVALID_MODEL where it is not ONNX or cannot be served.
 */
export const inspectModel = async (bytes: Buffer): Promise<Inspection> => {
  const structure = readStructure(bytes);
  boundOf(structure);
  const { metadata } = structure;
  const scorer = await openScorer(bytes, structure);
  await scorer.close();
  const said = metadata["millrace.columns"];
  const columns = said === undefined ? numbered(scorer.columns) : columnsIn(said);
  checkSize(scorer.signature, columns);
  const task = metadata["millrace.task"];
  return {
    size: bytes.length,
    signature: scorer.signature,
    columns,
    task: task === "binary" || task === "regression" ? task : scorer.task,
  };
};
