import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { dayRange } from "../../../ml/datasets/iso-text.ts";
import { invalid } from "./refusal.ts";
import type { Staged } from "./staged.ts";
import { select } from "./warehouse-calls.ts";

/** What the stored values of a column stand for. `sql` is a column of the staging table, and Nullable. */
export type StoredColumn = { name: string; sql: string } & (
  | { kind: "plain"; type: string }
  /** Days since 1970. */
  | { kind: "date" }
  /** Milliseconds, microseconds or nanoseconds: since 1970, or of a day. */
  | { kind: "timestamp" | "time"; digits: 3 | 6 | 9 }
  /** The 12 bytes of Parquet's older timestamps: nanoseconds of a day, and a Julian day. */
  | { kind: "int96" }
  /** UTF-8. */
  | { kind: "text" }
  | { kind: "null" }
);

type Moment = { name: string; sql: string; kind: "date" | "timestamp"; digits: 3 | 6 | 9 };

/** Days that the type Date32 can hold, 1900-01-01 to 2299-12-31: 400 years, after which the calendar repeats. */
const date32 = { first: -25_567, last: 120_529, days: 146_097 };

/**
 * Columns of the values that a typed file stores. Dates are `Date32`, and ISO texts where one of them is outside of
 * 1900 to 2299. INVALID_DATASET naming row and column for a time beyond the years 0 to 9999.
 */
export const typedValues = async (
  warehouse: Warehouse,
  table: string,
  stored: readonly StoredColumn[],
): Promise<Staged["columns"]> => {
  const columns: Staged["columns"] = [];
  for (const column of stored) columns.push(await typedValue(warehouse, table, column));
  return columns;
};

const typedValue = async (
  warehouse: Warehouse,
  table: string,
  column: StoredColumn,
): Promise<Staged["columns"][number]> => {
  const { name, sql, kind } = column;
  if (kind === "plain") return { name, type: column.type, sql };
  if (kind === "null") return { name, type: "Nullable(String)", sql: nullText };
  if (kind === "time") return { name, type: "Nullable(String)", sql: clockText(sql, column.digits) };
  if (kind === "text") {
    await refuseFirst(warehouse, table, column, "NOT isValidUTF8(value)", () => "the text is not UTF-8");
    return { name, type: "Nullable(String)", sql };
  }
  if (kind === "int96") return momentColumn(warehouse, table, await ofInt96(warehouse, table, column));
  return momentColumn(warehouse, table, kind === "date" ? { name, sql, kind, digits: 3 } : { ...column, kind });
};

const momentColumn = async (warehouse: Warehouse, table: string, column: Moment) => {
  const { name, sql, kind, digits } = column;
  const [first, last] = bounds(column);
  await refuseFirst(
    warehouse,
    table,
    column,
    `value < ${first} OR value > ${last}`,
    (value) => `${value} is a date or time beyond the years 0 to 9999`,
  );
  if (kind === "timestamp") {
    return {
      name,
      type: `Nullable(DateTime64(${digits}, 'UTC'))`,
      sql: `fromUnixTimestamp64${fromUnix[digits]}(${sql}, 'UTC')`,
    };
  }
  const [{ outside }] = await select<{ outside: number }>(
    warehouse,
    `SELECT countIf(${sql} < ${date32.first} OR ${sql} > ${date32.last}) AS outside FROM ${table}`,
  );
  return Number(outside) > 0
    ? { name, type: "Nullable(String)", sql: dateText(sql) }
    : { name, type: "Nullable(Date32)", sql: dateOf(sql) };
};

/** INVALID_DATASET for the first row whose value is not as it should be. */
const refuseFirst = async (
  warehouse: Warehouse,
  table: string,
  { name, sql }: { name: string; sql: string },
  condition: string,
  reason: (value: string) => string,
): Promise<void> => {
  const [{ first, found }] = await select<{ first: number; found: string }>(
    warehouse,
    `SELECT min(row) AS first, argMin(toString(value), row) AS found
    FROM (SELECT rowNumberInAllBlocks() + 1 AS row, ${sql} AS value FROM ${table})
    WHERE ${condition} SETTINGS max_threads = 1`,
  );
  if (Number(first) === 0) return;
  throw invalid(`row ${first}, column "${name}": ${reason(found)}`, { row: Number(first), column: name });
};

const JULIAN_DAY_OF_1970 = 2_440_588;

/** Nanoseconds where 64 bits hold them, else microseconds, which is all that Spark writes. */
const ofInt96 = async (
  warehouse: Warehouse,
  table: string,
  { name, sql }: { name: string; sql: string },
): Promise<Moment> => {
  const days = `(reinterpretAsInt32(substring(${sql}, 9, 4)) - ${JULIAN_DAY_OF_1970})`;
  const nanoseconds = `reinterpretAsInt64(substring(${sql}, 1, 8))`;
  const [{ isNear, isFine }] = await select<{ isNear: number; isFine: number }>(
    warehouse,
    `SELECT ifNull(min(${days}) > -100000 AND max(${days}) < 100000, 1) AS isNear,
      countIf(${nanoseconds} % 1000 != 0) > 0 AS isFine FROM ${table}`,
  );
  const digits = Number(isNear) > 0 || Number(isFine) > 0 ? 9 : 6;
  const units = digits === 9 ? nanoseconds : `intDiv(${nanoseconds}, 1000)`;
  if (digits === 9) {
    const reason = (value: string) => `day ${value} of nanoseconds is beyond the years 1700 to 2240`;
    await refuseFirst(warehouse, table, { name, sql: days }, "abs(value) >= 100000", reason);
  }
  return { name, kind: "timestamp", digits, sql: `(${days} * ${perDay[digits]} + ${units})` };
};

const nullText = "CAST(NULL AS Nullable(String))";

const perDay = { 3: 86_400_000n, 6: 86_400_000_000n, 9: 86_400_000_000_000n } as const;

const MAX_INT64 = 2n ** 63n - 1n;

/** The first and the last value of the years 0 to 9999, and of 64 bits. */
const bounds = ({ kind, digits }: Moment): [bigint, bigint] => {
  const units = kind === "date" ? 1n : perDay[digits];
  const first = BigInt(dayRange.first) * units;
  const last = BigInt(dayRange.last + 1) * units - 1n;
  return [first < -MAX_INT64 ? -MAX_INT64 : first, last > MAX_INT64 ? MAX_INT64 : last];
};

const dateOf = (days: string): string => `addDays(toDate32('1970-01-01'), ${days})`;

/** The same day within the 400 years that the type holds, and by how many times 400 years its year is another. */
const dateText = (days: string): string => {
  const turns = `toInt32(floor((${days} - ${date32.first}) / ${date32.days}))`;
  const day = dateOf(`(${days} - ${turns} * ${date32.days})`);
  return `concat(leftPad(toString(toYear(${day}) + 400 * ${turns}), 4, '0'), substring(toString(${day}), 5))`;
};

const fromUnix = { 3: "Milli", 6: "Micro", 9: "Nano" } as const;

const clockText = (units: string, digits: 3 | 6 | 9): string => {
  const perSecond = 10 ** digits;
  const part = (value: string, length: number): string => `leftPad(toString(${value}), ${length}, '0')`;
  const seconds = `intDiv(${units}, ${perSecond})`;
  const clock = [`intDiv(${seconds}, 3600)`, `intDiv(${seconds}, 60) % 60`, `${seconds} % 60`].map((value) =>
    part(value, 2),
  );
  return `concat(${clock.join(", ':', ")}, '.', ${part(`${units} % ${perSecond}`, digits)})`;
};
