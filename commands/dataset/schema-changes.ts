import type { DatasetColumn } from "../../schemas/lifecycle/dataset.ts";

/** `from` is null for a new column, `to` for one that is gone. */
export type SchemaChange = { column: string; from: string | null; to: string | null };

/** What is not as it was: types that changed and columns that came or went, in the order of the columns. */
export const schemaChanges = (before: readonly DatasetColumn[], after: readonly DatasetColumn[]): SchemaChange[] => {
  const old = new Map(before.map(({ name, type }) => [name, type]));
  const now = new Map(after.map(({ name, type }) => [name, type]));
  const names = [...now.keys(), ...[...old.keys()].filter((name) => !now.has(name))];
  return names
    .map((column) => ({ column, from: old.get(column) ?? null, to: now.get(column) ?? null }))
    .filter(({ from, to }) => from !== to);
};
