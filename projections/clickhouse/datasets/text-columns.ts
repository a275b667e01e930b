import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { type TextCounts, textType } from "../../../ml/datasets/text-types.ts";
import { quoted } from "./sql.ts";
import type { Staged } from "./staged.ts";
import { select } from "./warehouse-calls.ts";

/** Columns whose types one statement finds out. */
const AT_ONCE = 50;

/** What people write for a value that is not there. A column of text keeps them as text. */
const missing = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"].map(quoted).join(", ");

/**
 * A column of texts: `text` is SQL, Nullable(String). Where it is exact, NULL alone is missing, and blanks around a
 * value make it a text.
 */
type TextColumn = { name: string; text: string; isExact?: boolean };

const present = ({ text, isExact = false }: TextColumn): string =>
  isExact ? text : `if(trimBoth(${text}) IN (${missing}), NULL, trimBoth(${text}))`;

/** Of 256 bits; no leading zeros, which codes have. */
const whole = quoted("^-?(0|[1-9][0-9]{0,75})$");
const number = quoted(
  "^[+-]?((0|[1-9][0-9]{0,399})(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,4})?$|^[+-]?(inf|Inf|INF|infinity|Infinity)$",
);
const clock = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,9})?)?";
const time = quoted(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]${clock} ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?$`);
const fine = quoted(":[0-9]{2}\\.[0-9]{7}");

const timeOf = (value: string, digits: 6 | 9): string => `parseDateTime64BestEffortOrNull(${value}, ${digits}, 'UTC')`;

/** Counts of column `v<i>`: what is present of a text, written once, as the engine analyses each mention anew. */
const counting = (i: number): string => {
  const value = `v${i}`;
  const integer = `w${i}`;
  const counts: Record<keyof TextCounts, string> = {
    present: `${value} IS NOT NULL`,
    integers: `${integer} BETWEEN toInt256('-9223372036854775808') AND toInt256('9223372036854775807')`,
    unsigned: `${integer} BETWEEN toInt256(0) AND toInt256('18446744073709551615')`,
    numbers: `match(${value}, ${number}) AND (isFinite(toFloat64OrNull(${value})) OR positionCaseInsensitive(${value}, 'inf') > 0)`,
    inexact: `abs(${integer}) > toInt256(9007199254740992) AND toInt256(toFloat64(${integer})) != ${integer}`,
    booleans: `lower(${value}) IN ('true', 'false')`,
    dates: `toString(toDate32OrNull(${value})) = ${value}`,
    times: `match(${value}, ${time}) AND ${timeOf(value, 6)} IS NOT NULL`,
    fine: `match(${value}, ${time}) AND match(${value}, ${fine})`,
    keptFine: `${timeOf(value, 9)} IS NOT NULL`,
  };
  return Object.entries(counts)
    .map(([name, condition]) => `countIf(ifNull(${condition}, 0)) AS ${name}${i}`)
    .join(", ");
};

const wholeOf = (value: string): string => `if(match(${value}, ${whole}), toInt256OrNull(${value}), NULL)`;

/** SQL of a text as a value of one of the types of texts. */
const converted = (column: TextColumn, type: string): string => {
  const value = present(column);
  if (type === "Int64") return `toInt64OrNull(${value})`;
  if (type === "UInt64") return `toUInt64OrNull(${value})`;
  if (type === "Float64") return `toFloat64OrNull(${value})`;
  if (type === "Bool") return `CAST(lower(${value}) = 'true' AS Nullable(Bool))`;
  if (type === "Date32") return `toDate32OrNull(${value})`;
  if (type === "String") return column.text;
  return timeOf(value, type.startsWith("DateTime64(9") ? 9 : 6);
};

/** Columns of texts with the narrowest type that keeps all their values. */
export const textColumns = async (
  warehouse: Warehouse,
  table: string,
  texts: readonly TextColumn[],
): Promise<Staged["columns"]> => {
  const columns: Staged["columns"] = [];
  for (let from = 0; from < texts.length; from += AT_ONCE) {
    const some = texts.slice(from, from + AT_ONCE);
    const counts = some.map((_, i) => counting(i)).join(", ");
    const values = some.map((column, i) => `${present(column)} AS v${i}, ${wholeOf(`v${i}`)} AS w${i}`).join(", ");
    const [row] = await select<Record<string, number>>(
      warehouse,
      `SELECT ${counts} FROM (SELECT ${values} FROM ${table})`,
    );
    for (const [i, column] of some.entries()) {
      const type = textType(countsOf(row, i));
      columns.push({ name: column.name, type: `Nullable(${type})`, sql: converted(column, type) });
    }
  }
  return columns;
};

const names: (keyof TextCounts)[] = [
  "present",
  "integers",
  "unsigned",
  "numbers",
  "inexact",
  "booleans",
  "dates",
  "times",
  "fine",
  "keptFine",
];

const countsOf = (row: Record<string, number>, i: number): TextCounts =>
  Object.fromEntries(names.map((name) => [name, Number(row[`${name}${i}`])])) as TextCounts;
