import { isName, isSign, isWord, type Token } from "../sql/lexer.ts";
import { checkExpression, type ExpressionRules } from "./expression.ts";
import { databaseEngines, tableEngines } from "./names.ts";
import type { Reader } from "./reader.ts";
import { refuse } from "./refusal.ts";
import { lowerWords } from "./words.ts";

const tableSettings = lowerWords(`
  index_granularity index_granularity_bytes non_replicated_deduplication_window allow_nullable_key
  min_bytes_for_wide_part min_rows_for_wide_part ttl_only_drop_parts enable_mixed_granularity_parts
`);

/** CREATE DATABASE, TABLE or VIEW, behind the word CREATE. */
export const checkCreate = (reader: Reader, rules: ExpressionRules): void => {
  reader.skip("OR", "REPLACE");
  if (reader.skip("DATABASE")) {
    reader.skip("IF", "NOT", "EXISTS");
    reader.ownDatabase();
    if (reader.skip("ENGINE")) {
      reader.skipSign("=");
      checkEngine(reader.next(), databaseEngines);
    }
    if (reader.skip("COMMENT")) reader.next();
    if (!reader.done()) refuse("expected CREATE DATABASE name [ENGINE = Atomic]");
    return;
  }
  const isTable = reader.skip("TABLE");
  if (!isTable && !reader.skip("VIEW")) refuse("expected CREATE DATABASE, TABLE or VIEW");
  reader.skip("IF", "NOT", "EXISTS");
  reader.ownTable();
  if (isWord(reader.peek(), "UUID")) refuse("a table's UUID is the engine's to give");
  checkExpression(withoutEngine(withoutTableSettings(reader.rest())), { ...rules, inDefinition: true });
};

const checkEngine = (engine: Token | undefined, engines: ReadonlySet<string>): void => {
  if (!isName(engine) || !engines.has(engine.text.toLowerCase()))
    refuse(`the engine ${engine?.text ?? ""} may not be used`);
};

/** `ENGINE = Name`: what is in its brackets stays. */
const withoutEngine = (tokens: readonly Token[]): Token[] => {
  const kept: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    if (!isWord(tokens[i], "ENGINE")) {
      kept.push(tokens[i]);
      continue;
    }
    if (isSign(tokens[i + 1], "=")) i++;
    checkEngine(tokens[++i], tableEngines);
  }
  return kept;
};

/** SETTINGS of a table are settings of its own: only some say nothing of disks and volumes. */
const withoutTableSettings = (tokens: readonly Token[]): Token[] => {
  const from = tokens.findIndex((token, i) => isWord(token, "SETTINGS") && isSign(tokens[i + 2], "="));
  if (from < 0) return [...tokens];
  let at = from + 1;
  for (;;) {
    const name = tokens[at];
    if (name?.kind !== "word" || !tableSettings.has(name.text.toLowerCase())) {
      refuse(`the setting ${name?.text ?? ""} of a table may not be set`);
    }
    if (!isSign(tokens[at + 1], "=") || tokens[at + 2]?.kind !== "number") refuse("expected SETTINGS name = number");
    at += 3;
    if (!isSign(tokens[at], ",")) break;
    at++;
  }
  return [...tokens.slice(0, from), ...tokens.slice(at)];
};

/** What an ALTER may begin with, and each of its parts. */
const alterations: readonly (readonly [string, ...string[]])[] = [
  ["ADD", "COLUMN", "INDEX", "CONSTRAINT", "PROJECTION"],
  ["DROP", "COLUMN", "INDEX", "CONSTRAINT", "PROJECTION", "PARTITION", "PART"],
  ["CLEAR", "COLUMN", "INDEX", "PROJECTION"],
  ["MODIFY", "COLUMN", "COMMENT", "ORDER", "TTL"],
  ["MATERIALIZE", "COLUMN", "INDEX", "PROJECTION", "TTL"],
  ["RENAME", "COLUMN"],
  ["COMMENT", "COLUMN"],
];

const isAlteration = (first: Token | undefined, second: Token | undefined): boolean =>
  alterations.some(([verb, ...things]) => isWord(first, verb) && isWord(second, ...things));

/** ALTER TABLE, behind these words. */
export const checkAlter = (reader: Reader, rules: ExpressionRules): void => {
  reader.ownTable();
  const tokens = reader.rest();
  let depth = 0;
  let isUpdate = false;
  for (const [i, token] of tokens.entries()) {
    if (isSign(token, "(", "[")) depth++;
    else if (isSign(token, ")", "]")) depth--;
    const isFirst = i === 0;
    if (!isFirst && !(depth === 0 && isSign(tokens[i - 1], ","))) continue;
    if (isAlteration(token, tokens[i + 1])) {
      isUpdate = false;
      continue;
    }
    const isChange = isWord(token, "UPDATE", "DELETE");
    // Commas stand between the columns of an update, too.
    if (!isChange && !(isUpdate && isName(token) && isSign(tokens[i + 1], "="))) {
      refuse(`ALTER TABLE ... ${token.text.toUpperCase()} ${tokens[i + 1]?.text ?? ""} may not be used`);
    }
    isUpdate ||= isWord(token, "UPDATE");
  }
  const codecs = { ...rules, inDefinition: true };
  checkExpression(tokens, codecs);
};
