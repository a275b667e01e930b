import { ClickHouseError } from "@clickhouse/client";
import type { MillraceError } from "../../../schemas/errors.ts";
import { invalid } from "./refusal.ts";

/** What reading a stranger's file may take, a statement of the warehouse or a process of ours. */
export const fileBudget = { memoryBytes: 2 * 2 ** 30, seconds: 100 } as const;

/**
 * Seconds for bytes that the engine decodes by itself: its readers may turn for ever on damaged ones, and a place of the
 * lane is held for so long. Sound files take a tenth of it.
 */
export const decodingSeconds = (bytes: number): number => Math.min(fileBudget.seconds, Math.ceil(15 + bytes / 200_000));

/**
 * What one statement over a stranger's file may take. Its seconds are fewer than the client waits for an answer, so that
 * nothing runs on that nobody waits for.
 */
export const statementBudget = {
  max_memory_usage: String(fileBudget.memoryBytes),
  max_execution_time: fileBudget.seconds,
  timeout_overflow_mode: "throw",
  // The time is looked at between blocks.
  max_block_size: "8192",
  // Else a text of digits becomes the double next to the nearest one.
  precise_float_parsing: 1,
  allow_suspicious_low_cardinality_types: 1,
  // Machine code for hundreds of columns takes the engine 15 s, each time.
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
} as const;

const MEMORY_LIMIT_EXCEEDED = "241";
const TIMEOUT_EXCEEDED = "159";

/** INVALID_DATASET for a file that needs more than a statement's budget, null for any other error. */
export const overBudget = (error: unknown): MillraceError | null => {
  if (!(error instanceof ClickHouseError)) return null;
  // Where it is the engine's own limit, the file may not be to blame.
  if (error.code === MEMORY_LIMIT_EXCEEDED && !/\(total\)/.test(error.message)) {
    const limit = `${fileBudget.memoryBytes / 2 ** 30} GiB of memory`;
    return invalid(
      `the file needs more than ${limit} at once: fewer columns, shorter values, or smaller parts`,
      {},
      error,
    );
  }
  if (error.code === TIMEOUT_EXCEEDED) {
    const message = "a step of loading the file took too long: split the file, or write it anew if it is small";
    return invalid(message, {}, error);
  }
  return null;
};
