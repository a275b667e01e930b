import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { type TextCounts, textType } from "../../../ml/datasets/text-types.ts";
import { quoted } from "./sql.ts";
import type { Staged } from "./staged.ts";
import { select } from "./warehouse-calls.ts";

/** Columns whose types one statement finds out. */
const AT_ONCE = 100;

/** What people write for a value that is not there. A column of text keeps them as text. */
const missing = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"].map(quoted).join(", ");

const present = (text: string): string => `if(trimBoth(${text}) IN (${missing}), NULL, trimBoth(${text}))`;

const integer = quoted("^-?(0|[1-9][0-9]{0,17})$");
/** No leading zeros, which codes have, and no more digits than a number of 64 bits keeps. */
const number = quoted("^[+-]?((0|[1-9][0-9]{0,17})(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$");
const time = quoted("^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}");

const timeOf = (value: string): string => `parseDateTime64BestEffortOrNull(${value}, 6, 'UTC')`;

/** Counts of column `v<i>`: what is present of a text, written once, as the engine analyses each mention anew. */
const counting = (i: number): string => {
  const value = `v${i}`;
  return [
    ["present", `${value} IS NOT NULL`],
    ["integers", `match(${value}, ${integer})`],
    ["numbers", `match(${value}, ${number})`],
    ["booleans", `lower(${value}) IN ('true', 'false')`],
    ["dates", `toString(toDate32OrNull(${value})) = ${value}`],
    ["times", `match(${value}, ${time}) AND ${timeOf(value)} IS NOT NULL`],
  ]
    .map(([name, condition]) => `countIf(ifNull(${condition}, 0)) AS ${name}${i}`)
    .join(", ");
};

const converted = (text: string, type: string): string => {
  const value = present(text);
  if (type === "Int64") return `toInt64OrNull(${value})`;
  if (type === "Float64") return `toFloat64OrNull(${value})`;
  if (type === "Bool") return `CAST(lower(${value}) = 'true' AS Nullable(Bool))`;
  if (type === "Date32") return `toDate32OrNull(${value})`;
  return type === "String" ? text : timeOf(value);
};

/** Columns of texts with the narrowest type that all their values have. `text` is SQL, Nullable(String). */
export const textColumns = async (
  warehouse: Warehouse,
  table: string,
  texts: readonly { name: string; text: string }[],
): Promise<Staged["columns"]> => {
  const columns: Staged["columns"] = [];
  for (let from = 0; from < texts.length; from += AT_ONCE) {
    const some = texts.slice(from, from + AT_ONCE);
    const counts = some.map((_, i) => counting(i)).join(", ");
    const values = some.map(({ text }, i) => `${present(text)} AS v${i}`).join(", ");
    const [row] = await select<Record<string, number>>(
      warehouse,
      `SELECT ${counts} FROM (SELECT ${values} FROM ${table})`,
    );
    for (const [i, { name, text }] of some.entries()) {
      const of = (what: keyof TextCounts): number => Number(row[`${what}${i}`]);
      const type = textType({
        present: of("present"),
        integers: of("integers"),
        numbers: of("numbers"),
        booleans: of("booleans"),
        dates: of("dates"),
        times: of("times"),
      });
      columns.push({ name, type: `Nullable(${type})`, sql: converted(text, type) });
    }
  }
  return columns;
};
