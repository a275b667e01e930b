import type { TensorInfo } from "../../../schemas/lifecycle/model.ts";
import { operatorOf } from "../graph.ts";
import type { ModelStructure } from "../structure.ts";
import { bytes as field, message } from "../writer.ts";

/**
 * A classifier's ZipMap makes a map for each row of a tensor of probabilities, which is not an output then. The tensor
 * is served in its place: by the name of the output, the name of the tensor.
 */
export const tensorsOfMaps = (structure: ModelStructure): ReadonlyMap<string, string> => {
  if (structure.hasMore) return new Map();
  const maps = structure.nodes.filter((node) => operatorOf(node) === "ai.onnx.ml:ZipMap");
  return new Map(
    maps
      .map(({ inputs, outputs }): [string, string] => [outputs[0], inputs[0]])
      .filter(([name]) => structure.outputs.includes(name)),
  );
};

const graphField = 7;
const outputField = 12;

/** The file with these tensors as outputs, too: a field of a message that comes twice is merged. */
export const withOutputs = (file: Buffer, { outputs }: ModelStructure, tensors: Iterable<string>): Buffer => {
  const added = [...new Set(tensors)].filter((name) => !outputs.includes(name));
  if (added.length === 0) return file;
  return Buffer.concat([file, message(graphField, ...added.map((name) => message(outputField, field(1, name))))]);
};

/** The outputs as they are served: a map is its tensor. */
export const asTensors = (
  outputs: readonly TensorInfo[],
  { outputs: own }: ModelStructure,
  tensors: ReadonlyMap<string, string>,
): TensorInfo[] =>
  outputs
    .filter(({ name }) => own.includes(name))
    .map((output) => {
      const tensor = outputs.find(({ name }) => name === tensors.get(output.name));
      return tensor === undefined ? output : { ...tensor, name: output.name };
    });
