import type { InferenceSession } from "onnxruntime-node";
import type { Signature, TensorInfo } from "../../schemas/lifecycle/model.ts";
import { readMetadata } from "./metadata.ts";
import { createSession } from "./runtime.ts";

const tensorInfo = (value: InferenceSession.ValueMetadata): TensorInfo =>
  value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape.map((size) => (typeof size === "number" ? size : -1)) }
    : { name: value.name, type: "non-tensor", shape: [] };

/**
 * What a model file asks for and answers, as ONNX Runtime understands it, and its `metadata_props`.
 * INVALID_MODEL where it is not ONNX or cannot be run here.
 */
export const inspectOnnx = async (
  bytes: Buffer,
): Promise<{ signature: Signature; metadata: Record<string, string> }> => {
  const session = await createSession(bytes);
  try {
    return {
      signature: {
        inputs: session.inputMetadata.map(tensorInfo),
        outputs: session.outputMetadata.map(tensorInfo),
      },
      metadata: readMetadata(bytes),
    };
  } finally {
    await session.release();
  }
};
