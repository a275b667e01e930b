import { isName, isSign, type Token } from "../../../infra/warehouse/sql/lexer.ts";

export type KnownTables = {
  /** Where names without a database are. */
  database: string;
  databases: ReadonlySet<string>;
  /** Of `database`: everything that is there. */
  all: ReadonlySet<string>;
  readable: ReadonlySet<string>;
};

/** What a SELECT without FROM reads, and what makes rows up. */
const ofTheEngine = new Set(["system.one", "system.numbers", "system.zeros"]);

/**
 * The first name in a query that could be a table that it may not read, or null. Whether it is meant as one is not
 * asked: a subquery is computed while the engine analyses the query, so this must be known before. All names are
 * compared in lower case.
 */
export const foreignTable = (tokens: readonly Token[], known: KnownTables): string | null => {
  for (const [i, token] of tokens.entries()) {
    if (!isName(token) || isSign(tokens[i - 1], ".")) continue;
    const parts = [token.text.toLowerCase()];
    for (let at = i; isSign(tokens[at + 1], ".") && isName(tokens[at + 2]); at += 2) {
      parts.push((tokens[at + 2] as Token).text.toLowerCase());
    }
    const name = unreadable(parts, known);
    if (name !== null) return name;
  }
  return null;
};

const unreadable = (parts: readonly string[], { database, databases, all, readable }: KnownTables): string | null => {
  const [first, second] = parts;
  if (second !== undefined && databases.has(first) && first !== database.toLowerCase()) {
    return ofTheEngine.has(`${first}.${second}`) ? null : `${first}.${second}`;
  }
  const table = first === database.toLowerCase() && second !== undefined ? second : first;
  // A quoted name may hold the dot itself.
  const whole = first.startsWith(`${database.toLowerCase()}.`) ? first.slice(database.length + 1) : table;
  for (const name of [table, whole]) if (all.has(name) && !readable.has(name)) return name;
  return null;
};
