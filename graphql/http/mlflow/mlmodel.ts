/** What an `MLmodel` file says that matters here; null where it does not. */
export type MlModel = {
  /** Path of the ONNX file beside it. */
  onnx: string | null;
  /** Names of the columns, in order, where the signature is by columns. */
  columns: string[] | null;
};

/** The indented lines below a key of YAML in block style, which is how MLflow writes it, less their first indent. */
const blockOf = (text: string, key: string): string | null => {
  const lines = text.split("\n");
  const start = lines.indexOf(`${key}:`);
  if (start < 0) return null;
  const length = lines.slice(start + 1).findIndex((line) => line !== "" && !line.startsWith(" "));
  const body = lines.slice(start + 1, length < 0 ? undefined : start + 1 + length);
  const indent = /^ */.exec(body[0] ?? "")?.[0].length ?? 0;
  return body.map((line) => line.slice(indent)).join("\n");
};

/** A scalar, plain or in single quotes, which may go on over several lines. */
const scalarOf = (block: string, key: string): string | null => {
  const found = new RegExp(`^${key}: (?:'((?:[^']|'')*)'|([^'"\\s].*))$`, "m").exec(block);
  if (found === null) return null;
  const [, quoted, plain] = found;
  return quoted === undefined ? plain.trim() : quoted.replace(/\n\s*/g, " ").replaceAll("''", "'");
};

/** The names of a signature's columns; null for tensors, which name none, and for what is no signature. */
const columnsOf = (inputs: string | null): string[] | null => {
  if (inputs === null) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(inputs);
  } catch {
    return null;
  }
  if (!Array.isArray(parsed) || parsed.length === 0) return null;
  const names = parsed.map((input: { type?: unknown; name?: unknown }) =>
    input.type === "tensor" ? null : input.name,
  );
  return names.every((name) => typeof name === "string") ? names : null;
};

/** Of the file that MLflow's `Model.save` writes. */
export const readMlModel = (text: string): MlModel => {
  const onnx = blockOf(blockOf(text, "flavors") ?? "", "onnx");
  const signature = blockOf(text, "signature");
  return {
    onnx: onnx === null ? null : (scalarOf(onnx, "data") ?? "model.onnx"),
    columns: signature === null ? null : columnsOf(scalarOf(signature, "inputs")),
  };
};
