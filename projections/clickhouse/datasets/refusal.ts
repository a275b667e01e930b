import { ClickHouseError } from "@clickhouse/client";
import { type ErrorDetails, MillraceError } from "../../../schemas/errors.ts";

export const invalid = (message: string, details: ErrorDetails = {}, cause?: unknown): MillraceError =>
  new MillraceError("INVALID_DATASET", message, { details, cause });

/** ClickHouse's codes for bytes that are not what the format says. */
const malformed = new Set([
  "6",
  "8",
  "26",
  "27",
  "32",
  "33",
  "38",
  "41",
  "53",
  "69",
  "70",
  "72",
  "73",
  "117",
  "131",
  "349",
  "636",
  "1000",
  "1001",
]);

export const isMalformed = (error: unknown): error is ClickHouseError =>
  error instanceof ClickHouseError && malformed.has(error.code);

/**
 * ClickHouse's codes for a table that cannot be: BAD_ARGUMENTS, ILLEGAL_TYPE_OF_ARGUMENT, ILLEGAL_COLUMN,
 * NOT_IMPLEMENTED, UNKNOWN_TYPE, TOO_LARGE_ARRAY_SIZE, SIZES_OF_ARRAYS_DONT_MATCH, DATA_TYPE_CANNOT_BE_USED_IN_TABLES,
 * SUSPICIOUS_TYPE_FOR_LOW_CARDINALITY and their kin.
 */
const impossible = new Set(["15", "36", "43", "44", "48", "50", "128", "190", "352", "407", "455"]);

/** INVALID_DATASET for what no table can hold, however often it is tried; null for any other error. */
export const cannotBeHeld = (error: unknown): MillraceError | null =>
  error instanceof ClickHouseError && (impossible.has(error.code) || malformed.has(error.code))
    ? invalid(`the warehouse cannot hold it: ${readRefusal(error.message).reason}`, {}, error)
    : null;

/** What the engine says of a row: its number from 1, the last column that it read, and why. Never a path. */
export const readRefusal = (message: string): { row: number | null; column: number | null; reason: string } => {
  const row = /\(at row (\d+)\)/.exec(message)?.[1];
  const column = [...message.matchAll(/^Column (\d+),/gm)].at(-1)?.[1];
  const reason =
    /^ERROR: (.*)$/m.exec(message)?.[1] ??
    message.slice(0, 5_000).split(/: \(at row|: \(in file|: While executing|\n/, 1)[0];
  return {
    row: row === undefined ? null : Number(row),
    column: column === undefined ? null : Number(column),
    reason: reason.replace(/(?:\/[\w.-]+){2,}/g, "…").slice(0, 500),
  };
};
