/**
 * What a value of the graph is, as far as its cost goes: a row of so many values for each row of the input, one value
 * for each row, or a constant.
 */
export type Shape =
  | { kind: "rows"; width: number }
  | { kind: "vector" }
  | { kind: "constant"; dims: readonly number[]; integers: number[] | null };

/** The model may cost any time: by its operators, or because nothing here can tell. */
export class UnboundedError extends Error {}

export const unbounded = (reason: string): never => {
  throw new UnboundedError(reason);
};

const size = (count: number): number =>
  Number.isSafeInteger(count) && count >= 0 ? count : unbounded("a size is no natural number");

export const rowsOf = (width: number): Shape => ({ kind: "rows", width: size(width) });
export const vector: Shape = { kind: "vector" };
export const constant = (dims: readonly number[], integers: number[] | null = null): Shape => ({
  kind: "constant",
  dims: dims.map(size),
  integers,
});

export const sizeOf = (dims: readonly number[]): number => dims.reduce((size, dim) => size * dim, 1);

/** Values of it for a row of the input. */
export const widthOf = (shape: Shape): number =>
  shape.kind === "rows" ? shape.width : shape.kind === "vector" ? 1 : sizeOf(shape.dims);

export const rowWidth = (shape: Shape | undefined): number =>
  shape?.kind === "rows" ? shape.width : unbounded("an operator is not applied to rows");

export const constantOf = (shape: Shape | undefined): Extract<Shape, { kind: "constant" }> =>
  shape?.kind === "constant" ? shape : unbounded("an operator's parameter is not a constant");

const mayMeet = (a: number, b: number): boolean => a === b || a === 1 || b === 1;

const ofConstants = (a: readonly number[], b: readonly number[]): Shape => {
  const rank = Math.max(a.length, b.length);
  const dims: number[] = [];
  for (let i = 1; i <= rank; i++) dims.unshift(Math.max(a.at(-i) ?? 1, b.at(-i) ?? 1));
  return constant(dims);
};

/**
 * Two values, element by element. Rows meet rows, and constants that are the same for each row: a vector that meets
 * rows would make a table of all rows by all rows.
 */
export const broadcast = (a: Shape, b: Shape): Shape => {
  if (a.kind === "constant" && b.kind === "constant") return ofConstants(a.dims, b.dims);
  if (a.kind === "constant") return broadcast(b, a);
  if (b.kind === "constant") {
    const isOneRow = b.dims.slice(0, -1).every((dim) => dim === 1);
    const width = b.dims.at(-1) ?? 1;
    if (a.kind === "vector" && b.dims.length < 2 && width === 1) return vector;
    if (a.kind === "rows" && b.dims.length < 3 && isOneRow && mayMeet(a.width, width)) {
      return rowsOf(Math.max(a.width, width));
    }
  }
  if (a.kind === "vector" && b.kind === "vector") return vector;
  if (a.kind === "rows" && b.kind === "rows" && mayMeet(a.width, b.width)) return rowsOf(Math.max(a.width, b.width));
  return unbounded("an operator's operands do not meet row by row");
};
