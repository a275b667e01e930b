import { MillraceError } from "../../../schemas/errors.ts";
import type { TensorInfo } from "../../../schemas/lifecycle/model.ts";
import { type Graph, graphOf, operatorOf, originOf } from "../graph.ts";
import type { ModelStructure } from "../structure.ts";
import { isComputed, isDecision, isIntermediate } from "./kinds.ts";
import { areProbabilities } from "./probabilities.ts";

const mostListed = 20;

/** A stranger's names stand in what is told to others. */
const longestShown = 100;

const described = ({ name: given, type, shape }: TensorInfo): string => {
  const name = given.length > longestShown ? `${given.slice(0, longestShown)}...` : given;
  return type === "non-tensor"
    ? `${name} (no tensor)`
    : `${name} ${type} [${shape.map((size) => (size < 0 ? "N" : size)).join(", ")}]`;
};

export const listed = (outputs: readonly TensorInfo[]): string => {
  const more = outputs.length > mostListed ? `, and ${outputs.length - mostListed} more` : "";
  return outputs.slice(0, mostListed).map(described).join(", ") + more;
};

const invalid = (message: string): MillraceError => new MillraceError("INVALID_MODEL", message);

/** How a caller says which output is meant. */
const naming = "name it with `output` (and `outputIndex` for one of its values)";

const zipmap = (name: string): MillraceError =>
  invalid(
    `Output ${name} is a sequence of maps; export the classifier with zipmap off (skl2onnx: options={id(model): {"zipmap": False}}).`,
  );

const isFloat = ({ type }: TensorInfo): boolean => /^(b?float|double)/.test(type);

/** Whether a word of the name, as exporters write it, is one of probability: `Probability.output`, `output_probability`. */
export const saysProbability = (name: string): boolean =>
  /(^|[^a-z])prob(a|s|ability|abilities)?([^a-z]|$)/i.test(name);

/** Float outputs that are a prediction: neither the input, nor prepared features or a hidden layer, nor a label. */
const candidatesOf = (graph: Graph, outputs: readonly TensorInfo[]): TensorInfo[] =>
  outputs.filter(({ name, ...output }) => {
    if (output.type !== "non-tensor" && !isFloat({ name, ...output })) return false;
    const origin = originOf(graph, name);
    if (/label/i.test(name) || isDecision(graph, origin) || isIntermediate(graph, origin)) return false;
    return isComputed(graph, origin) || areProbabilities(graph, origin);
  });

const tells = (name: string): boolean =>
  saysProbability(name) || /(^|[^a-z])(scores?|predictions?|predicted|variable|output)([^a-z]|$)/i.test(name);

/** Operators by which a probability is made of a score. */
const calibrating = new Set(
  "Identity Cast Reshape Flatten Squeeze Unsqueeze Mul Add Sub Sigmoid Softmax Concat".split(" "),
);

/**
 * Of several that are left, the one that is a probability of all others, as ML.NET's Probability is of its Score:
 * made of them by nothing else than calibration. Null where there is none, or more than one.
 */
const probabilityOf = (graph: Graph, candidates: readonly TensorInfo[]): TensorInfo | null => {
  const origins = candidates.map(({ name }) => originOf(graph, name));
  const found = candidates.filter((_, i) => {
    const upstream = graph.upstream(origins[i]);
    return origins.every((other, j) => j === i || (other !== origins[i] && upstream.has(other)));
  });
  if (found.length !== 1) return null;
  const [last] = found;
  const origin = originOf(graph, last.name);
  const between = [...graph.upstream(origin)].filter((value) =>
    origins.some((other) => other !== value && graph.upstream(value).has(other)),
  );
  const isCalibrated = between.every((value) => {
    const made = graph.makerOf(value);
    return made === undefined || calibrating.has(operatorOf(made.node));
  });
  const end = graph.makerOf(origin);
  const isProbability = saysProbability(last.name) || /^(Sigmoid|Softmax)$/.test(end?.node.operator ?? "");
  const isOnly = candidates.every((one) => one === last || !saysProbability(one.name));
  return isCalibrated && isProbability && isOnly ? last : null;
};

const chosenAlone = (graph: Graph, outputs: readonly TensorInfo[]): TensorInfo => {
  if (outputs.length === 1) return outputs[0];
  const candidates = candidatesOf(graph, outputs);
  const map = candidates.find(({ type }) => type === "non-tensor");
  if (map !== undefined) throw zipmap(map.name);
  const [only, ...more] = candidates;
  // Where not all of the graph is seen, what stands behind a value is not known either; its name is asked then.
  const isSeen = !graph.structure.hasMore || tells(only?.name ?? "");
  const found = only !== undefined && more.length === 0 && isSeen ? only : probabilityOf(graph, candidates);
  if (found !== null) return found;
  const reason =
    candidates.length === 0
      ? "None of the model's outputs is a prediction beyond doubt"
      : "Which of the model's outputs is the prediction is not clear";
  throw invalid(`${reason}: ${listed(outputs)}. If one is, ${naming}.`);
};

/**
 * The output that is the prediction: the one that was named, else the only one, else the one that operators and names
 * show beyond doubt. INVALID_MODEL, with all outputs and the way out.
 */
export const chooseOutput = (
  structure: ModelStructure,
  outputs: readonly TensorInfo[],
  wanted: string | null,
): string => {
  const found =
    wanted === null ? chosenAlone(graphOf(structure), outputs) : outputs.find(({ name }) => name === wanted);
  if (found === undefined) throw invalid(`The model has no output ${wanted}; it has ${listed(outputs)}.`);
  if (found.type === "non-tensor") throw zipmap(found.name);
  if (found.type !== "float32") {
    throw invalid(`Output ${described(found)} is not served, a float32 tensor is. The model has ${listed(outputs)}.`);
  }
  return found.name;
};
