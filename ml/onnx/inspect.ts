import { MillraceError } from "../../schemas/errors.ts";
import type { Signature, Task } from "../../schemas/lifecycle/model.ts";
import { boundOf } from "./bounds/bound.ts";
import { openScorer } from "./session.ts";
import { readStructure } from "./structure.ts";

/** What the bytes of a model say about it. `task` is null where the file does not tell. */
export type Inspection = { size: number; signature: Signature; columns: string[]; task: Task | null };

/** f0, f1, ...: as XGBoost names the columns of a matrix. */
const numbered = (width: number): string[] => Array.from({ length: width }, (_, i) => `f${i}`);

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
  const columns = metadata["millrace.columns"];
  const task = metadata["millrace.task"];
  return {
    size: bytes.length,
    signature: scorer.signature,
    columns: columns === undefined ? numbered(scorer.columns) : columnsIn(columns),
    task: task === "binary" || task === "regression" ? task : scorer.task,
  };
};
