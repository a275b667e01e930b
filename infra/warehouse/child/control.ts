import { refuse } from "../policy/refusal.ts";
import { readSettings } from "../policy/settings.ts";
import { isName, isSign, isWord, type Token, tokensOf } from "../sql/lexer.ts";

/** A statement that is this server's own business, and not the engine's. */
export type Control =
  | { kind: "set"; settings: ReadonlyMap<string, string> }
  | { kind: "use"; database: string }
  | { kind: "kill"; queryId: string; format: string | null };

const longestText = 65_536;

/** `SET name = value, ...`, `USE database` and `KILL QUERY WHERE query_id = '...'`; null for every other statement. */
export const controlOf = (sql: string): Control | null => {
  if (sql.length > longestText || !/^[\s;]*(?:--|\/\*|SET|USE|KILL)/i.test(sql)) return null;
  const all = tokensOf(sql);
  const end = all.findIndex((token) => isSign(token, ";"));
  const tokens = end < 0 ? all : all.slice(0, end);
  if (all.slice(tokens.length).some((token) => !isSign(token, ";"))) return null;
  if (isWord(tokens[0], "SET") && isSign(tokens[2], "=")) return setOf(tokens);
  if (isWord(tokens[0], "USE")) {
    const [, database] = tokens;
    if (!isName(database) || tokens.length !== 2) throw refuse("expected USE database", "no statement");
    return { kind: "use", database: database.text };
  }
  return isWord(tokens[0], "KILL") && isWord(tokens[1], "QUERY") ? killOf(tokens) : null;
};

const setOf = (tokens: readonly Token[]): Control => {
  const settings = new Map<string, string>();
  if (readSettings(tokens, 1, settings) !== tokens.length) throw refuse("expected SET name = value", "no statement");
  return { kind: "set", settings };
};

/** Whatever is killed is killed here by its name, so that nobody waits for the engine behind it. */
const killOf = (tokens: readonly Token[]): Control => {
  const [, , where, name, equals, id, ...rest] = tokens;
  const isOne = isWord(where, "WHERE") && isWord(name, "QUERY_ID") && isSign(equals, "=") && id?.kind === "string";
  const ending = isWord(rest[0], "SYNC", "ASYNC") ? rest.slice(1) : rest;
  const format = isWord(ending[0], "FORMAT") && ending[1]?.kind === "word" ? ending[1].text : null;
  if (!isOne || ending.length !== (format === null ? 0 : 2)) {
    throw refuse("expected KILL QUERY WHERE query_id = '...': no other statement may be killed");
  }
  return { kind: "kill", queryId: id.text.slice(1, -1).replaceAll("''", "'"), format };
};
