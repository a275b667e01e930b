import { type InferenceSession, Tensor } from "onnxruntime-node";
import { MillraceError } from "../../schemas/errors.ts";
import { graphOf } from "./graph.ts";
import type { ModelStructure } from "./structure.ts";

/** How rows of float32 columns become what the model asks for. */
export type ModelInputs = {
  columns: number;
  /** Of several inputs the columns bear their names; null of one matrix. */
  names: string[] | null;
  /** `rows` is row-major. SCORING_FAILED for a number that an input's type does not hold. */
  feeds(rows: Float32Array, count: number): Record<string, Tensor>;
};

type Metadata = InferenceSession.ValueMetadata;
type TensorMetadata = Extract<Metadata, { isTensor: true }>;
type Values = Float32Array | Float64Array | Uint8Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

const invalid = (message: string): MillraceError => new MillraceError("INVALID_MODEL", message);

const described = (input: Metadata): string =>
  input.isTensor ? `${input.type} [${input.shape.join(", ")}]` : "not a tensor";

const checkRows = ({ name, shape }: TensorMetadata): void => {
  if (typeof shape[0] !== "number" || shape[0] < 0) return;
  throw invalid(`Input ${name} takes exactly ${shape[0]} rows; export the model with a dynamic first dimension.`);
};

const matrixOf = (input: Metadata): ModelInputs => {
  if (!input.isTensor || input.type !== "float32" || input.shape.length !== 2) {
    throw invalid(`Input ${input.name} is ${described(input)}; a float32 tensor [N, columns] is served.`);
  }
  checkRows(input);
  const columns = input.shape[1];
  if (typeof columns !== "number" || columns < 1) {
    throw invalid(`Input ${input.name} does not say how many columns it has; export it as [N, columns].`);
  }
  return {
    columns,
    names: null,
    feeds: (rows, count) => ({ [input.name]: new Tensor("float32", rows, [count, columns]) }),
  };
};

/** The types of numbers: an array for so many, and what one of a row's float32 values is in it; null for none. */
type NumberType = { make(size: number): Values; least: number; most: number; toValue(number: number): number | bigint };

/** Beyond this a float32 does not hold every whole number. */
const exactWhole = 2 ** 24;

const whole = (make: (size: number) => Values, least: number, most: number): NumberType => ({
  make,
  least,
  most,
  toValue: make(0) instanceof BigInt64Array || make(0) instanceof BigUint64Array ? BigInt : (number) => number,
});

const wholeTypes: Readonly<Record<string, NumberType>> = {
  bool: whole((size) => new Uint8Array(size), 0, 1),
  uint8: whole((size) => new Uint8Array(size), 0, 255),
  int32: whole((size) => new Int32Array(size), -exactWhole, exactWhole),
  uint32: whole((size) => new Uint32Array(size), 0, exactWhole),
  int64: whole((size) => new BigInt64Array(size), -exactWhole, exactWhole),
  uint64: whole((size) => new BigUint64Array(size), 0, exactWhole),
};

type Part = { input: TensorMetadata; width: number; at: number; isUsed: boolean };

const dimsOf = ({ input, width }: Part, count: number): number[] =>
  input.shape.length === 1 ? [count] : [count, width];

/** What the prediction does not hang on is given nothing. */
const emptyFeed = (part: Part, count: number): Tensor => {
  const { type } = part.input;
  const dims = dimsOf(part, count);
  const size = count * part.width;
  if (type === "string") return new Tensor("string", new Array<string>(size).fill(""), dims);
  if (type === "float64") return new Tensor(type, new Float64Array(size), dims);
  const known = wholeTypes[type]?.make(size) ?? new Float32Array(size);
  return new Tensor(type as "float32", known as Float32Array, dims);
};

const numberFeed = (part: Part, rows: Float32Array, count: number, columns: number): Tensor => {
  const { input, width, at } = part;
  const type = wholeTypes[input.type];
  const values = type?.make(count * width) ?? new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < width; i++) {
      const number = rows[row * columns + at + i];
      if (type !== undefined && !(Number.isInteger(number) && number >= type.least && number <= type.most)) {
        throw new MillraceError(
          "SCORING_FAILED",
          `Input ${input.name} is ${input.type}: it takes whole numbers from ${type.least} to ${type.most}, not ${number}.`,
        );
      }
      values[row * width + i] = (type?.toValue(number) ?? number) as never;
    }
  }
  return new Tensor(input.type as "float32", values as Float32Array, dimsOf(part, count));
};

const partOf = (input: Metadata, isUsed: boolean): Part => {
  const last = input.isTensor ? (input.shape.length === 1 ? 1 : input.shape[1]) : null;
  const isNumber = input.isTensor && (input.type === "float32" || Object.hasOwn(wholeTypes, input.type));
  const isRow = input.isTensor && (input.shape.length === 1 || input.shape.length === 2);
  const isKnown = typeof last === "number" && last >= 1;
  if (!input.isTensor || !isRow || !isKnown || (isUsed && !isNumber)) {
    throw invalid(
      `The model has several inputs, of which ${input.name} is ${described(input)}; columns of numbers are served, [N] or [N, columns]: export the model behind the encoding of its other inputs, with one float tensor as its input.`,
    );
  }
  checkRows(input);
  return { input, width: last, at: 0, isUsed };
};

/** An input for each column, or some: as ML.NET exports them. Those that the output does not hang on take no column. */
const partsOf = (inputs: readonly Metadata[], structure: ModelStructure, output: string): ModelInputs => {
  const needed = graphOf(structure).upstream(output);
  const parts = inputs.map((input) => partOf(input, structure.hasMore || needed.has(input.name)));
  let columns = 0;
  const names: string[] = [];
  for (const part of parts) {
    if (!part.isUsed) continue;
    part.at = columns;
    columns += part.width;
    for (let i = 0; i < part.width; i++) names.push(part.width === 1 ? part.input.name : `${part.input.name}_${i}`);
  }
  if (columns === 0) throw invalid(`Output ${output} does not hang on any input of the model.`);
  return {
    columns,
    names,
    feeds: (rows, count) =>
      Object.fromEntries(
        parts.map((part) => [
          part.input.name,
          part.isUsed ? numberFeed(part, rows, count, columns) : emptyFeed(part, count),
        ]),
      ),
  };
};

/** INVALID_MODEL, naming the input, where the model asks for something else than columns of numbers. */
export const inputsOf = (session: InferenceSession, structure: ModelStructure, output: string): ModelInputs => {
  const [first, ...more] = session.inputMetadata;
  if (first === undefined) throw invalid("The model has no input; one float tensor [N, columns] is served.");
  return more.length === 0 ? matrixOf(first) : partsOf(session.inputMetadata, structure, output);
};
