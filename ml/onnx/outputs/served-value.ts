import { MillraceError } from "../../../schemas/errors.ts";
import type { OutputChoice, Signature, Task } from "../../../schemas/lifecycle/model.ts";
import { type Graph, graphOf, originOf } from "../graph.ts";
import type { ModelStructure } from "../structure.ts";
import { listed, saysProbability } from "./choose.ts";
import { areProbabilities, looksLikeProbabilities, positiveClass } from "./probabilities.ts";

/** Which of an output's values for a row is served, and for which task it is where that is beyond doubt. */
export type ServedValue = { index: number; task: Task | null };

const invalid = (message: string): MillraceError => new MillraceError("INVALID_MODEL", message);

/** ML.NET names a regression's output as it does a classifier's, which has a label beside it. */
const isMlNetRegression = ({ structure }: Graph, origin: string): boolean =>
  structure.producer === "ML.NET" &&
  origin === "Score" &&
  !structure.nodes.some(({ outputs }) => outputs.includes("PredictedLabel"));

const taskOfOne = (graph: Graph, output: string, values: Float32Array): Task | null => {
  if (saysProbability(output)) return looksLikeProbabilities(values, 1) ? "binary" : null;
  return /^variable\d*$/.test(output) || isMlNetRegression(graph, originOf(graph, output)) ? "regression" : null;
};

/**
 * The value of a row that is served: the only one, the one that was named, or the probability of the positive class
 * where an operator shows that there are two. `answered` is how many values a row has, and those of some rows in the
 * model's range. INVALID_MODEL, saying what is there and the way out.
 */
export const servedValue = (
  structure: ModelStructure,
  signature: Signature,
  { output, outputIndex }: OutputChoice & { output: string },
  [width, values]: readonly [number, Float32Array],
): ServedValue => {
  const graph = graphOf(structure);
  if (outputIndex !== null && (outputIndex < 0 || outputIndex >= width)) {
    throw invalid(`Output ${output} has ${width} values a row, of which \`outputIndex\` ${outputIndex} is none.`);
  }
  if (width === 1) return { index: 0, task: taskOfOne(graph, output, values) };
  const isBinary = width === 2 && areProbabilities(graph, output) && looksLikeProbabilities(values, 2);
  const positive = isBinary ? positiveClass(graph, output) : null;
  if (outputIndex !== null) return { index: outputIndex, task: isBinary ? "binary" : null };
  if (positive !== null) return { index: positive, task: "binary" };
  const why = isBinary
    ? "its two classes do not tell which is the positive one"
    : width === 2
      ? "no operator shows that they are the probabilities of two classes"
      : "one value is served";
  throw invalid(
    `Output ${output} has ${width} values a row, and ${why}: give the one that is meant as \`outputIndex\`, from 0, or export one value. The model has ${listed(signature.outputs)}.`,
  );
};
