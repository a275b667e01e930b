import { isName, isSign, isWord, type Token, textOf } from "../sql/lexer.ts";
import { outlineOf } from "../sql/outline.ts";
import { checkAlter, checkCreate } from "./definitions.ts";
import { checkExpression, type ExpressionRules } from "./expression.ts";
import { type Reader, readerOf } from "./reader.ts";
import { refuse } from "./refusal.ts";
import { guestSetting, type Limits, takeSettings } from "./settings.ts";

/** A statement of a guest as the engine may have it. */
export type GuestStatement = {
  /** Without comments, and without the settings that it named. */
  text: string;
  settings: Map<string, string>;
  /** Whether it only reads: the engine then runs it read-only. */
  readonly: boolean;
};

export type GuestContext = {
  /** Where names without a database are. */
  database: string;
  engineFunctions: ReadonlySet<string>;
  engineSettings: ReadonlySet<string>;
  limits: Limits;
};

/** More text than this is rows: those are sent apart from the statement. */
export const mostGuestText = 2 << 20;

/**
 * Checks a statement of somebody who has the password but is not the platform: what is not known to be harmless is
 * refused (`PolicyRefusal`). It may read tables and tell about them; define, fill and drop tables and databases of
 * its own; and reach neither the host nor the network, nor the platform's own tables to change them.
 */
export const guestStatement = (sql: string, context: GuestContext): GuestStatement => {
  if (sql.length > mostGuestText) refuse(`a statement may have ${mostGuestText} characters: send rows with FORMAT`);
  const { tokens: all, isSeveral } = outlineOf(sql);
  if (isSeveral) refuse("one statement a request");
  const rules = { engineFunctions: context.engineFunctions };
  const isDefinition = isWord(all[0], "CREATE", "ALTER");
  const { tokens, settings } = isDefinition ? { tokens: all, settings: new Map<string, string>() } : takeSettings(all);
  const readonly = !checkHead(tokens, context.database, rules);
  const allowed = new Map([...settings].map(([name, value]) => [name, guestSetting(name, value, context)]));
  return { text: textOf(sql, tokens), settings: allowed, readonly };
};

const firstOf = (tokens: readonly Token[]): Token | undefined => tokens.find((token) => !isSign(token, "("));

/** Whether the statement writes. */
const checkHead = (tokens: readonly Token[], database: string, rules: ExpressionRules): boolean => {
  const reader = readerOf(tokens, database);
  if (isWord(firstOf(tokens), "SELECT", "WITH", "FROM")) {
    checkExpression(withoutFormat(tokens), rules);
    return false;
  }
  const first = reader.next();
  const heads = first?.kind === "word" ? [readingHeads, writingHeads] : [];
  for (const list of heads) {
    const check = list[first?.text.toUpperCase() ?? ""];
    if (check === undefined) continue;
    check(reader, rules);
    return list === writingHeads;
  }
  const isKnown = isWord(first, ...refusedHeads);
  throw refuse(
    `a statement that begins with ${first?.text ?? "nothing"} ${isKnown ? "may not be used" : "is not known"} here`,
    isKnown ? "forbidden" : "no statement",
  );
};

const withoutFormat = (tokens: readonly Token[]): readonly Token[] =>
  isWord(tokens.at(-2), "FORMAT") && tokens.at(-1)?.kind === "word" ? tokens.slice(0, -2) : tokens;

/** Statements of ClickHouse that are never a guest's. */
const refusedHeads =
  "SYSTEM KILL SET USE ATTACH DETACH GRANT REVOKE BACKUP RESTORE CHECK WATCH MOVE UNDROP EXECUTE COPY BEGIN COMMIT ROLLBACK UPDATE REPLACE PREPARE IMPORT VALUES".split(
    " ",
  );

type Check = (reader: Reader, rules: ExpressionRules) => void;

const explainKinds = [["AST"], ["SYNTAX"], ["QUERY", "TREE"], ["PLAN"], ["PIPELINE"], ["ESTIMATE"]];

const checkExplain: Check = (reader, rules) => {
  explainKinds.some((words) => reader.skip(...words));
  while (isName(reader.peek()) && isSign(reader.peek(1), "=")) {
    reader.next();
    reader.next();
    if (reader.next()?.kind !== "number") refuse("expected EXPLAIN setting = number");
    reader.skipSign(",");
  }
  const rest = withoutFormat(reader.rest());
  if (!isWord(firstOf(rest), "SELECT", "WITH", "FROM")) refuse("only a SELECT may be explained");
  checkExpression(rest, rules);
};

const checkDescribe: Check = (reader, rules) => {
  reader.skip("TABLE");
  const rest = withoutFormat(reader.rest());
  if (rest[0]?.kind === "string") refuse("a text may not stand for a table");
  checkExpression(rest, rules);
};

const shown = [
  ["TABLES"],
  ["DATABASES"],
  ["COLUMNS"],
  ["FULL", "TABLES"],
  ["FULL", "COLUMNS"],
  ["FIELDS"],
  ["INDEX"],
  ["INDEXES"],
  ["INDICES"],
  ["KEYS"],
  ["FUNCTIONS"],
  ["SETTINGS"],
  ["CREATE", "TABLE"],
  ["CREATE", "VIEW"],
  ["CREATE", "DATABASE"],
];

const checkShow: Check = (reader, rules) => {
  if (!shown.some((words) => reader.skip(...words))) {
    refuse(`SHOW ${reader.peek()?.text.toUpperCase() ?? ""} may not be used`);
  }
  checkExpression(withoutFormat(reader.rest()), rules);
};

const checkExists: Check = (reader, rules) => {
  reader.skip("TABLE") || reader.skip("VIEW") || reader.skip("DATABASE");
  checkExpression(withoutFormat(reader.rest()), rules);
};

const readingHeads: Record<string, Check | undefined> = {
  EXPLAIN: checkExplain,
  DESCRIBE: checkDescribe,
  DESC: checkDescribe,
  SHOW: checkShow,
  EXISTS: checkExists,
};

const checkInsert: Check = (reader, rules) => {
  if (!reader.skip("INTO")) refuse("expected INSERT INTO");
  reader.skip("TABLE");
  if (isWord(reader.peek(), "FUNCTION") && (isSign(reader.peek(2), "(") || isName(reader.peek(1)))) {
    refuse("INSERT INTO FUNCTION may not be used");
  }
  reader.ownTable();
  const rest = reader.rest();
  const from = isSign(rest[0], "(") ? rest.findIndex((token) => isSign(token, ")")) + 1 : 0;
  checkExpression(rest.slice(0, from), rules);
  const source = rest.slice(from);
  if (isWord(source[0], "FORMAT") && source.length === 2 && source[1].kind === "word") return;
  if (!isWord(firstOf(source), "SELECT", "WITH", "FROM", "VALUES"))
    refuse("expected INSERT INTO table ... SELECT, VALUES or FORMAT");
  checkExpression(source, rules);
};

const checkDrop: Check = (reader) => {
  const isDatabase = reader.skip("DATABASE");
  if (!isDatabase && !reader.skip("TABLE") && !reader.skip("VIEW")) refuse("expected DROP TABLE, VIEW or DATABASE");
  reader.skip("IF", "EXISTS");
  do {
    if (isDatabase) reader.ownDatabase();
    else reader.ownTable();
  } while (reader.skipSign(","));
  reader.skip("SYNC");
  if (!reader.done()) refuse(`DROP ... ${reader.peek()?.text} may not be used`);
};

const checkTruncate: Check = (reader) => {
  reader.skip("TABLE");
  reader.skip("IF", "EXISTS");
  reader.ownTable();
  reader.skip("SYNC");
  if (!reader.done()) refuse("expected TRUNCATE TABLE name");
};

const checkOptimize: Check = (reader, rules) => {
  if (!reader.skip("TABLE")) refuse("expected OPTIMIZE TABLE");
  reader.ownTable();
  checkExpression(reader.rest(), rules);
};

/** RENAME and EXCHANGE: both names must be the guest's. */
const checkNames =
  (between: string, ...heads: string[]): Check =>
  (reader) => {
    if (!heads.some((head) => reader.skip(head))) refuse(`expected ${heads[0]}`);
    do {
      reader.ownTable();
      if (!reader.skip(between)) refuse(`expected ${between}`);
      reader.ownTable();
    } while (reader.skipSign(","));
    if (!reader.done()) refuse(`${reader.peek()?.text} may not be used here`);
  };

const checkDelete: Check = (reader, rules) => {
  if (!reader.skip("FROM")) refuse("expected DELETE FROM");
  reader.ownTable();
  checkExpression(reader.rest(), rules);
};

const writingHeads: Record<string, Check | undefined> = {
  CREATE: checkCreate,
  ALTER: (reader, rules) => {
    if (!reader.skip("TABLE")) refuse("expected ALTER TABLE");
    checkAlter(reader, rules);
  },
  INSERT: checkInsert,
  DROP: checkDrop,
  TRUNCATE: checkTruncate,
  OPTIMIZE: checkOptimize,
  RENAME: checkNames("TO", "TABLE"),
  EXCHANGE: checkNames("AND", "TABLES"),
  DELETE: checkDelete,
};
