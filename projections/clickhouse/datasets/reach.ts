import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { datasetViewPrefix, quoted } from "./sql.ts";
import { select } from "./warehouse-calls.ts";

/** Table functions that make their rows up; every other one reaches outside or past the filters. */
const harmless = new Set(["numbers", "numbers_mt", "zeros", "zeros_mt", "values", "generateseries", "generate_series"]);

/** What a SELECT without FROM reads: one row. */
const noTable = "system.one";

/** Functions that read files, dictionaries and other tables. */
const reaching = /^(file|catboostevaluate|evalmlmethod|dict\w*|joinget\w*|getserversetting|gettablesize\w*)$/;

const readOnly = { readonly: "1" };

const tree = async (
  warehouse: Warehouse,
  query: string,
  parameters: Record<string, string>,
  passes: 0 | 1,
): Promise<string[]> => {
  const explained = `EXPLAIN QUERY TREE run_passes = ${passes} ${query}`;
  const rows = await select<{ explain: string }>(warehouse, explained, readOnly, parameters);
  return rows.map(({ explain }) => explain);
};

const named = (lines: readonly string[], pattern: RegExp): string[] =>
  lines.flatMap((line) => {
    const name = pattern.exec(line)?.[1];
    return name === undefined ? [] : [name];
  });

const forbidden = (what: string): MillraceError => new MillraceError("FORBIDDEN", `query: ${what}`);

type Known = { name: string; database: string; isOfProjects: number; isView: number };

/**
 * The settings under which a SELECT sees the project's rows alone: of tables that have a column `project`, and of its
 * own datasets. FORBIDDEN, naming it, for any other table and for functions that read elsewhere; the engine's error
 * for a query that it does not understand.
 */
export const reachOf = async (
  warehouse: Warehouse,
  project: string,
  query: string,
  parameters: Record<string, string>,
): Promise<Record<string, string>> => {
  const asWritten = await tree(warehouse, query, parameters, 0);
  for (const name of named(asWritten, /^\s*TABLE_FUNCTION id: .*table_function_name: (\S+?),?$/)) {
    if (!harmless.has(name.toLowerCase())) throw forbidden(`the table function ${name} may not be used`);
  }
  for (const name of named(asWritten, /^\s*FUNCTION id: \d+, function_name: ([^,]+),/)) {
    if (reaching.test(name.toLowerCase())) throw forbidden(`the function ${name} may not be used`);
  }
  const known = await select<Known>(
    warehouse,
    `SELECT database, name, name IN (
      SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'project'
    ) AS isOfProjects, engine = 'View' AS isView FROM system.tables WHERE database = currentDatabase()`,
  );
  const ofProjects = known.filter(({ isOfProjects, isView }) => Number(isOfProjects) > 0 && Number(isView) === 0);
  const readable = new Set(
    known
      .filter(
        ({ name, isOfProjects, isView }) =>
          Number(isOfProjects) > 0 ||
          (Number(isView) > 0 && (name.startsWith("predictions_") || name.startsWith(datasetViewPrefix(project)))),
      )
      .map(({ database, name }) => `${database}.${name}`),
  );
  const resolved = await tree(warehouse, query, parameters, 1);
  for (const table of named(resolved, /^\s*TABLE id: .*table_name: ([^,]+)/)) {
    const plain = table.replaceAll("`", "").trim();
    if (plain !== noTable && !readable.has(plain))
      throw forbidden(`${plain} is none of the tables of project "${project}"`);
  }
  const rows = `project = ${quoted(project)}`;
  const filters = ofProjects.map(({ database, name }) => `${quoted(`${database}.${name}`)}: ${quoted(rows)}`);
  return { ...readOnly, additional_table_filters: `{${filters.join(", ")}}` };
};
