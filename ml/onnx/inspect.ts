import { MillraceError } from "../../schemas/errors.ts";
import type { OutputChoice, Signature, Task } from "../../schemas/lifecycle/model.ts";
import { boundOf } from "./bounds/bound.ts";
import { openScorer } from "./session.ts";
import { readStructure } from "./structure.ts";

/** What the bytes of a model say about it. `task` is null where the file does not tell. */
export type Inspection = {
  size: number;
  signature: Signature;
  columns: string[];
  task: Task | null;
  output: string;
  outputIndex: number;
};

/** f0, f1, ...: as XGBoost names the columns of a matrix. */
const numbered = (width: number): string[] => Array.from({ length: width }, (_, i) => `f${i}`);

const mostColumns = 10_000;
const mostOutputs = 100;
const longestName = 1_000;

const checkSize = (columns: number, outputs: number, names: readonly string[], isWide = false): void => {
  const isLong = names.some(({ length }) => length > longestName);
  if (columns <= mostColumns && outputs <= mostOutputs && !isLong && !isWide) return;
  throw new MillraceError(
    "INVALID_MODEL",
    `The model has ${columns === 0 ? "" : `${columns} columns and `}${outputs} outputs; ${mostColumns} columns and ${mostOutputs} outputs are the most, with names of ${longestName} characters.`,
  );
};

/** A version's definition keeps the signature, and each prediction a value for each column. */
const checkSignature = ({ inputs, outputs }: Signature, columns: readonly string[]): void => {
  const names = [...inputs.map(({ name }) => name), ...outputs.map(({ name }) => name), ...columns];
  const isWide = outputs.some(({ shape }) => shape.length > mostOutputs);
  checkSize(columns.length, outputs.length, names, isWide);
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

const noChoice: OutputChoice = { output: null, outputIndex: null };

/**
 * What a model file asks for and answers: it is loaded and asked to score a few rows, which may take any time and
 * memory. The prediction is what was chosen, else what the metadata `millrace.output` names, else what the file shows.
 * INVALID_MODEL where it is not ONNX or cannot be served.
 */
export const inspectModel = async (bytes: Buffer, choice: OutputChoice = noChoice): Promise<Inspection> => {
  const structure = readStructure(bytes);
  boundOf(structure);
  const { metadata, outputs } = structure;
  checkSize(0, outputs.length, outputs);
  const scorer = await openScorer(bytes, {
    ...choice,
    output: choice.output ?? metadata["millrace.output"],
    structure,
  });
  await scorer.close();
  const said = metadata["millrace.columns"];
  const columns = said === undefined ? (scorer.names ?? numbered(scorer.columns)) : columnsIn(said);
  if (columns.length !== scorer.columns) {
    throw new MillraceError(
      "INVALID_MODEL",
      `The model's metadata \`millrace.columns\` names ${columns.length} columns; it takes ${scorer.columns}.`,
    );
  }
  checkSignature(scorer.signature, columns);
  const task = metadata["millrace.task"];
  return {
    size: bytes.length,
    signature: scorer.signature,
    columns,
    task: task === "binary" || task === "regression" ? task : scorer.task,
    output: scorer.output,
    outputIndex: scorer.outputIndex,
  };
};
