import { MillraceError } from "../../schemas/errors.ts";
import type { Column } from "../../schemas/lifecycle/deployment.ts";

/** BAD_REQUEST naming a column name that is there twice. */
export const checkColumnNames = (columns: readonly Column[]): void => {
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name)) throw new MillraceError("BAD_REQUEST", `columns: "${name}" is there twice`);
    seen.add(name);
  }
};

/** The `view:feature` that a column reads, or null where it reads the event or computes. */
export const featureOf = (column: Column): { view: string; feature: string } | null => {
  const match = /^([a-z0-9][a-z0-9-]{0,62}):([A-Za-z0-9_-]{1,63})$/.exec(column.from);
  return match === null ? null : { view: match[1], feature: match[2] };
};

/** The views that columns read, each once, in order of first use. */
export const viewsOf = (columns: readonly Column[]): string[] => [
  ...new Set(columns.map((column) => featureOf(column)?.view).filter((view) => view !== undefined)),
];
