import { CsvQuoteError, csvReader } from "./csv-reader.ts";

/** How a CSV file is written: what separates its values, and how many lines before the header are no rows. */
export type CsvDialect = { separator: number; hints: number };

/** What spreadsheets and databases write, the standard's first. */
const separators = [",", ";", "\t", "|"].map((text) => text.charCodeAt(0));

const MOST_ROWS = 100;

/**
 * The dialect in which the first rows have one number of columns; that of the most columns if there are several, and
 * the comma if there is none. Excel's first line `sep=;` says it by itself.
 */
export const csvDialect = (head: Buffer, isWhole: boolean): CsvDialect => {
  const hint = /^sep=([^\r\n"])\r?\n/.exec(head.toString("latin1", 0, 8))?.[1];
  if (hint !== undefined) return { separator: hint.charCodeAt(0), hints: 1 };
  let best = { separator: separators[0], columns: 1 };
  for (const separator of separators) {
    const columns = columnsBy(separator, head, isWhole);
    if (columns > best.columns) best = { separator, columns };
  }
  return { separator: best.separator, hints: 0 };
};

/** The number of columns that all of the first rows have; 0 where they differ. */
const columnsBy = (separator: number, head: Buffer, isWhole: boolean): number => {
  const found: number[] = [];
  const reader = csvReader(separator, {
    value: () => undefined,
    row: (columns, isBlank) => {
      if (!isBlank && found.length < MOST_ROWS) found.push(columns);
    },
  });
  try {
    reader.push(head);
    if (isWhole) reader.end();
  } catch (error) {
    if (!(error instanceof CsvQuoteError)) throw error;
    if (found.length < MOST_ROWS) return 0;
  }
  return found.every((columns) => columns === found[0]) ? (found[0] ?? 0) : 0;
};
