import { isAside } from "../../../infra/warehouse/ddl.ts";
import type { Warehouse } from "../../../infra/warehouse/open.ts";
import { checkExpression } from "../../../infra/warehouse/policy/expression.ts";
import { tableFunctions } from "../../../infra/warehouse/policy/names.ts";
import { PolicyRefusal } from "../../../infra/warehouse/policy/refusal.ts";
import type { Token } from "../../../infra/warehouse/sql/lexer.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { datasetViewPrefix, quoted } from "./sql.ts";
import { foreignTable, type KnownTables } from "./tables-named.ts";
import { select } from "./warehouse-calls.ts";

const readOnly = { readonly: "1" };

const forbidden = (what: string): MillraceError => new MillraceError("FORBIDDEN", `query: ${what}`);

type Known = { name: string; isOfProjects: number; isView: number };
type Vocabulary = { database: string; databases: string[]; functions: string[] };

/** What there is: asked each time, for tables come and go. */
const askKnown = async (warehouse: Warehouse): Promise<{ vocabulary: Vocabulary; tables: Known[] }> => {
  const [[vocabulary], tables] = await Promise.all([
    select<Vocabulary>(
      warehouse,
      `SELECT currentDatabase() AS database, (SELECT groupArray(lower(name)) FROM system.databases) AS databases,
        (SELECT groupArray(lower(name)) FROM system.functions) AS functions`,
    ),
    select<Known>(
      warehouse,
      `SELECT name, name IN (
        SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'project'
      ) AS isOfProjects, engine = 'View' AS isView FROM system.tables WHERE database = currentDatabase()`,
    ),
  ]);
  return { vocabulary, tables };
};

const isReadable = (project: string, { name, isOfProjects, isView }: Known): boolean =>
  !isAside(name) &&
  (Number(isOfProjects) > 0 ||
    (Number(isView) > 0 && (name.startsWith("predictions_") || name.startsWith(datasetViewPrefix(project)))));

/**
 * The settings under which a SELECT sees the project's rows alone: of tables that have a column `project`, and of its
 * own datasets. FORBIDDEN, naming it, for any other table and for whatever is not known to be harmless; the engine's
 * error for a query that it does not understand. Nothing of the query runs before its names are known to be allowed.
 */
export const reachOf = async (
  warehouse: Warehouse,
  project: string,
  { query, tokens, parameters }: { query: string; tokens: readonly Token[]; parameters: Record<string, string> },
): Promise<Record<string, string>> => {
  const { vocabulary, tables } = await askKnown(warehouse);
  const known: KnownTables = {
    database: vocabulary.database,
    databases: new Set(vocabulary.databases),
    all: new Set(tables.map(({ name }) => name.toLowerCase())),
    readable: new Set(tables.filter((table) => isReadable(project, table)).map(({ name }) => name.toLowerCase())),
  };
  checkTokens(tokens, new Set(vocabulary.functions));
  const foreign = foreignTable(tokens, known);
  if (foreign !== null) throw forbidden(`${foreign} is none of the tables of project "${project}"`);
  await checkSlashes(warehouse, tokens);
  const ofProjects = tables.filter(({ isOfProjects, isView }) => Number(isOfProjects) > 0 && Number(isView) === 0);
  const rows = `project = ${quoted(project)}`;
  const filters = ofProjects.map(({ name }) => `${quoted(`${known.database}.${name}`)}: ${quoted(rows)}`);
  const settings = { ...readOnly, additional_table_filters: `{${filters.join(", ")}}` };
  await checkTree(warehouse, { project, known, query, parameters, settings });
  return settings;
};

const checkTokens = (tokens: readonly Token[], engineFunctions: ReadonlySet<string>): void => {
  try {
    checkExpression(tokens, { engineFunctions, slashesInNames: true });
  } catch (error) {
    throw error instanceof PolicyRefusal ? forbidden(error.message) : error;
  }
};

/** A name with a slash could be a file for an engine that takes files for tables: it must be a column. */
const checkSlashes = async (warehouse: Warehouse, tokens: readonly Token[]): Promise<void> => {
  const names = tokens.filter(({ kind, text }) => kind === "name" && text.includes("/")).map(({ text }) => text);
  if (names.length === 0) return;
  const columns = await select<{ name: string }>(
    warehouse,
    `SELECT DISTINCT name FROM system.columns WHERE database = currentDatabase() AND position(name, '/') > 0`,
  );
  const missing = names.find((name) => !columns.some((column) => column.name === name));
  if (missing !== undefined) throw forbidden(`${JSON.stringify(missing)} is no column of a table here`);
};

const tableLine =
  /^\s*TABLE id: \d+, (?:alias: \w+, )?table_name: ([^\s,]+)(?:, final: 1)?(?:, sample_size: [\d/ .]+)?$/;
const functionLine = /^\s*TABLE_FUNCTION id: \d+, (?:alias: \w+, )?table_function_name: (\w+)(?:, final: 1)?$/;

type Resolved = {
  project: string;
  known: KnownTables;
  query: string;
  parameters: Record<string, string>;
  settings: Record<string, string>;
};

/**
 * What the engine takes the names for, as a second look. It prints for people, so a line is taken for what it says only
 * if it has exactly its form, and no name in the query can hold what would make it longer.
 */
const checkTree = async (warehouse: Warehouse, resolved: Resolved): Promise<void> => {
  const { project, known, query, parameters, settings } = resolved;
  const explained = `EXPLAIN QUERY TREE run_passes = 1 ${query}`;
  const rows = await select<{ explain: string }>(warehouse, explained, settings, parameters);
  for (const { explain: line } of rows) {
    if (/^\s*TABLE id:/.test(line)) {
      const name = tableLine.exec(line)?.[1].replaceAll("`", "").toLowerCase() ?? "";
      const own = `${known.database.toLowerCase()}.`;
      const isOwn = name.startsWith(own) && known.readable.has(name.slice(own.length));
      if (!isOwn && !/^system\.(one|numbers|zeros)$/.test(name)) {
        throw forbidden(`${name || "a table"} is none of the tables of project "${project}"`);
      }
    } else if (/^\s*TABLE_FUNCTION id:/.test(line)) {
      const name = functionLine.exec(line)?.[1] ?? "";
      if (!tableFunctions.has(name.toLowerCase())) throw forbidden(`the table function ${name} may not be used`);
    }
  }
};
