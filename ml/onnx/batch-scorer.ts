import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { reasonOf } from "./runtime.ts";

/** Answers so many values for each row. */
export type Call = (rows: Float32Array, count: number) => Promise<Float32Array>;

export type BatchScorer = {
  score(rows: Float32Array, count: number): Promise<Float32Array>;
  /** Whether the live check has found a difference. */
  differed(): boolean;
};

/** Rows in one call of the runtime, which blocks the thread: at 100 trees a few milliseconds. */
const mostCallRows = 4096;

/** Rows from one live check to the next, at most the rows of one call: small batches would be made of checks else. */
const checkedRows = 512;

/** The same bits, of which NaN has one kind. */
export const isSame = (row: ArrayLike<number>, rows: ArrayLike<number>, at: number, width: number): boolean => {
  for (let i = 0; i < width; i++) if (!Object.is(row[i], rows[at + i])) return false;
  return true;
};

/**
 * Scores rows together where they may be, and looks at one row of a batch alone, of each large one and of small ones in
 * their turn: the live check. Where that differs, all rows are scored alone, those at hand too, before any is answered.
 * Of a row's `width` values the one at `index` is answered. SCORING_FAILED.
 */
export const batchScorer = (
  call: Call,
  columns: number,
  [width, index]: readonly [number, number],
  isExact: boolean,
): BatchScorer => {
  let callRows = isExact ? mostCallRows : 1;
  let differs = false;
  let checks = 0;
  let unchecked = checkedRows;

  const answer = async (rows: Float32Array, size: number): Promise<Float32Array> =>
    call(rows, size).catch((error: unknown) => {
      const reason = isMillraceError(error) ? error.message : reasonOf(error);
      throw new MillraceError("SCORING_FAILED", `The model failed on ${size} rows: ${reason}`, { cause: error });
    });

  const scoreAll = async (rows: Float32Array, count: number): Promise<Float32Array> => {
    const outputs = new Float32Array(count);
    for (let from = 0; from < count; from += callRows) {
      const size = Math.min(callRows, count - from);
      const chunk = rows.subarray(from * columns, (from + size) * columns);
      const scores = await answer(chunk, size);
      unchecked += size;
      if (size > 1 && unchecked >= checkedRows) {
        unchecked = 0;
        // Rows at all places of a batch get their turn.
        const row = (checks++ * 7919) % size;
        const alone = await answer(chunk.subarray(row * columns, (row + 1) * columns), 1);
        if (!isSame(alone, scores, row * width, width)) {
          differs = true;
          callRows = 1;
          return scoreAll(rows, count);
        }
      }
      if (width === 1) outputs.set(scores, from);
      else for (let i = 0; i < size; i++) outputs[from + i] = scores[i * width + index];
    }
    return outputs;
  };
  return { score: scoreAll, differed: () => differs };
};
