import type { Warehouse } from "../../../infra/warehouse/open.ts";
import {
  binsOf,
  type ColumnKind,
  type ColumnProfile,
  type DatasetProfile,
  exactNumber,
  histogramBins,
  kindOf,
  plainType,
  quantileLevels,
} from "../../../ml/datasets/profile.ts";
import type { DatasetColumn } from "../../../schemas/lifecycle/dataset.ts";
import { backquoted } from "./sql.ts";
import { select } from "./warehouse-calls.ts";

export type { ColumnProfile, DatasetProfile } from "../../../ml/datasets/profile.ts";

/** Columns that one statement looks at. */
const AT_ONCE = 50;

/** Up to so many rows quantiles are exact: all values of a statement's columns are in memory at once. */
const EXACT_ROWS = 400_000;
/** Beyond them a quantile is a value whose rank is that of the level, within one of so many parts. */
const RANK_PARTS = 1_000;

const TOP = 10;

type Row = Record<string, unknown>;
type Column = DatasetColumn & { kind: ColumnKind; sql: string };

/** The value as it is described: a number that is none counts as missing. */
const describedValue = ({ name }: DatasetColumn, kind: ColumnKind): string => {
  const column = backquoted(name);
  if (kind === "numeric") return `if(isFinite(toFloat64(${column})), toFloat64(${column}), NULL)`;
  return kind === "categorical" ? `toString(${column})` : column;
};

const aggregates = ({ kind, sql, name }: Column, i: number, isExact: boolean): string => {
  const parts = [`countIf(isNull(${sql})) AS missing${i}`];
  const levels = quantileLevels.join(", ");
  if (kind !== "nested") parts.push(`uniq(${backquoted(name)}) AS distinct${i}`);
  if (kind === "numeric") {
    const value = `if(isNull(${sql}), NULL, ${backquoted(name)})`;
    parts.push(
      `toString(minOrNull(${value})) AS min${i}`,
      `toString(maxOrNull(${value})) AS max${i}`,
      `avgOrNull(${sql}) AS mean${i}`,
      `stddevSampStableOrNull(${sql}) AS std${i}`,
      isExact
        ? `quantilesExactInclusive(${levels})(${sql}) AS quantiles${i}`
        : `quantilesGK(${RANK_PARTS}, ${levels})(${sql}) AS quantiles${i}`,
    );
  }
  if (kind === "temporal") {
    parts.push(`toString(minOrNull(${sql})) AS min${i}`, `toString(maxOrNull(${sql})) AS max${i}`);
  }
  if (kind === "categorical") {
    parts.push(`topK(${TOP}, 100, 'counts')(${sql}) AS top${i}`);
  }
  return parts.join(", ");
};

const literal = (value: number): string => `toFloat64('${value}')`;

const binning = ({ sql }: Column, row: Row, i: number): string => {
  const min = Number(row[`min${i}`]);
  const max = Number(row[`max${i}`]);
  const width = literal(max / histogramBins - min / histogramBins);
  const value = `assumeNotNull(${sql})`;
  // Apart where the difference of two doubles is beyond all doubles.
  const distance = Number.isFinite(max - min)
    ? `(${value} - ${literal(min)}) / ${width}`
    : `${value} / ${width} - ${literal(min)} / ${width}`;
  const bin = `toUInt8(greatest(0, least(${histogramBins - 1}, floor(${distance}))))`;
  return max > min
    ? `sumMapIf(map(${bin}, toUInt64(1)), isNotNull(${sql})) AS bins${i}`
    : `map(toUInt8(0), countIf(isNotNull(${sql}))) AS bins${i}`;
};

const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

const profileOf = (column: Column, rows: number, row: Row, bins: Row, i: number): ColumnProfile => {
  const { name, type, kind } = column;
  const missing = Number(row[`missing${i}`]);
  const isNumeric = kind === "numeric";
  const hasValues = missing < rows;
  const bound = (value: unknown): number | string | null => {
    if (!hasValues || !(isNumeric || kind === "temporal")) return null;
    return isNumeric ? exactNumber(String(value)) : String(value);
  };
  const quantiles = isNumeric && hasValues ? (row[`quantiles${i}`] as number[]) : [];
  const top = (row[`top${i}`] ?? []) as ({ item: string; count: number } | [string, number, number])[];
  const min = bound(row[`min${i}`]);
  const max = bound(row[`max${i}`]);
  return {
    name,
    type: plainType(type),
    kind,
    count: rows - missing,
    missing,
    distinct: numberOrNull(row[`distinct${i}`]),
    min,
    max,
    mean: numberOrNull(row[`mean${i}`]),
    std: numberOrNull(row[`std${i}`]),
    quantiles: quantiles.map((value, at) => ({ level: quantileLevels[at], value })),
    histogram:
      isNumeric && hasValues ? binsOf(Number(min), Number(max), bins[`bins${i}`] as Record<string, number>) : [],
    top: top.map((each) =>
      Array.isArray(each) ? { value: each[0], count: each[1] } : { value: each.item, count: each.count },
    ),
  };
};

/** Describes every column: two statements for some fifty of them, however many rows there are. */
export const profileTable = async (
  warehouse: Warehouse,
  table: string,
  schema: readonly DatasetColumn[],
): Promise<DatasetProfile> => {
  const columns: Column[] = schema.map((column) => {
    const kind = kindOf(column.type);
    return { ...column, kind, sql: describedValue(column, kind) };
  });
  const profiles: ColumnProfile[] = [];
  const [{ count }] = await select<{ count: number }>(warehouse, `SELECT count() AS count FROM ${table}`);
  const rows = Number(count);
  const isExact = rows <= EXACT_ROWS;
  for (let from = 0; from < columns.length; from += AT_ONCE) {
    const some = columns.slice(from, from + AT_ONCE);
    const [row] = await select<Row>(
      warehouse,
      `SELECT ${some.map((column, i) => aggregates(column, i, isExact)).join(", ")} FROM ${table}`,
    );
    const numeric = some.flatMap((column, i) =>
      column.kind === "numeric" && Number(row[`missing${i}`]) < rows ? [binning(column, row, i)] : [],
    );
    const [bins] =
      numeric.length === 0 ? [{}] : await select<Row>(warehouse, `SELECT ${numeric.join(", ")} FROM ${table}`);
    profiles.push(...some.map((column, i) => profileOf(column, rows, row, bins, i)));
  }
  return { rows, columns: profiles };
};
