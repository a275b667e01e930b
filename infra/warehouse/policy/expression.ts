import { isName, isSign, isWord, type Token } from "../sql/lexer.ts";
import { aggregateFunctions, plainFunctions, refusedFunctions } from "./functions.ts";
import { bracketWords, combinators, definitionWords, systemTables, tableFunctions, typeNames } from "./names.ts";
import { refuse } from "./refusal.ts";

export type ExpressionRules = {
  /** Functions of the engine at hand, lower case: one that no list knows must not be passed as an argument either. */
  engineFunctions: ReadonlySet<string>;
  /** Whether clauses of table definitions may stand here: codecs, indices, defaults. */
  inDefinition?: boolean;
  /** Whether quoted names may hold slashes: somebody else then sees to it that they name no file. */
  slashesInNames?: boolean;
};

const combinator = new RegExp(`(?:${combinators})$`, "i");

/** Whether a guest may call a function of this name. */
export const isAllowedFunction = (name: string): boolean => {
  const lower = name.toLowerCase();
  if (refusedFunctions.has(lower)) return false;
  if (plainFunctions.has(lower)) return true;
  for (let base = lower; base !== ""; base = base.replace(combinator, "")) {
    if (aggregateFunctions.has(base)) return true;
    if (!combinator.test(base)) return false;
  }
  return false;
};

/** Clauses that a query of a guest never has, wherever they stand. */
const refusedWords = ["INTO", "OUTFILE", "INFILE", "SETTINGS", "CLUSTER", "DEFINER", "DISK", "VOLUME"];
const statementWords = ["SHOW", "EXPLAIN", "DESCRIBE", "DESC", "INSERT", "EXECUTE"];
/** Behind them the name of a table follows, which a text in quotes must not be. */
const tableWords = ["FROM", "JOIN", "TABLE", "INTO", "EXISTS", "DESCRIBE", "DESC", "VIEW"];
const clauseWords =
  "SELECT WHERE PREWHERE GROUP HAVING ORDER LIMIT OFFSET WINDOW QUALIFY UNION EXCEPT INTERSECT FORMAT ON USING".split(
    " ",
  );

/**
 * Walks the tokens of a query, or of a part of one, and refuses what is not known to be harmless: functions, table
 * functions and types that no list allows, called or passed as arguments; tables of the engine; texts that stand for
 * tables; parameters that stand for names.
 */
export const checkExpression = (tokens: readonly Token[], rules: ExpressionRules): void => {
  const froms: boolean[] = [false];
  for (const [i, token] of tokens.entries()) {
    checkToken(token, rules);
    followFrom(froms, tokens, i);
    if (isSign(token, "{")) checkParameter(tokens, i);
    else if (token.kind === "string") checkText(tokens, i, froms.at(-1) === true);
    else if (isName(token)) checkName(tokens, i, rules);
  }
};

const checkToken = (token: Token, { slashesInNames = false }: ExpressionRules): void => {
  if (token.kind === "strange") refuse(`${JSON.stringify(token.text.slice(0, 20))} is not understood here`);
  if (isSign(token, ";")) refuse("one statement a request");
  // What must be unescaped, or is a path to a reader of files, is no name of ours.
  const isOdd = token.kind === "name" && /\\|\p{Cc}|^system\./iu.test(token.text);
  if (isOdd || (token.kind === "name" && !slashesInNames && token.text.includes("/"))) {
    refuse(
      `the name ${JSON.stringify(token.text)} may not be used: it holds a slash, a backslash or a control character`,
    );
  }
};

/** Whether the current bracket's clause is FROM. */
const followFrom = (froms: boolean[], tokens: readonly Token[], i: number): void => {
  const token = tokens[i];
  if (isSign(token, "(", "[", "{")) froms.push(false);
  else if (isSign(token, ")", "]", "}") && froms.length > 1) froms.pop();
  else if (isWord(token, "FROM", "JOIN")) froms[froms.length - 1] = true;
  else if (isWord(token, ...clauseWords))
    froms[froms.length - 1] = isWord(token, "ON", "USING") && froms.at(-1) === true;
};

const checkText = (tokens: readonly Token[], i: number, isInFrom: boolean): void => {
  const before = tokens[i - 1];
  if (isWord(before, ...tableWords) || (isInFrom && isSign(before, ",")) || isSign(before, ".")) {
    refuse("a text may not stand for a table");
  }
};

/** `{name:Type}`, a value that the request gives. */
const checkParameter = (tokens: readonly Token[], at: number): void => {
  if (tokens[at + 1]?.kind !== "word" || !isSign(tokens[at + 2], ":")) refuse("expected {name:Type}");
  for (let i = at + 3; !isSign(tokens[i], "}"); i++) {
    const token = tokens[i];
    if (token === undefined) refuse("expected {name:Type}");
    if (token.kind === "word" && !typeNames.has(token.text.toLowerCase())) {
      refuse(`a parameter may not be of type ${token.text}: it stands for a value`);
    }
    if (token.kind === "name" || token.kind === "strange") refuse("expected {name:Type}");
  }
};

const checkName = (tokens: readonly Token[], i: number, rules: ExpressionRules): void => {
  const token = tokens[i];
  const isPart = isSign(tokens[i - 1], ".");
  if (isSign(tokens[i + 1], "(")) {
    checkCall(token, tokens, i, rules);
    return;
  }
  if (!isPart && token.kind === "word") checkKeyword(tokens, i);
  if (isSign(tokens[i + 1], ".")) {
    if (!isPart) checkSystem(tokens, i);
    return;
  }
  // A function may be an argument of another one by its name alone.
  const lower = token.text.toLowerCase();
  if (!isPart && (refusedFunctions.has(lower) || rules.engineFunctions.has(lower)) && !isAllowedFunction(lower)) {
    if (!(token.kind === "word" && bracketWords.has(lower))) {
      refuse(`the function ${token.text} may not be used; a column of that name is written table.${token.text}`);
    }
  }
};

const checkKeyword = (tokens: readonly Token[], i: number): void => {
  const token = tokens[i];
  if (isWord(token, ...refusedWords))
    refuse(`${token.text.toUpperCase()} may not be used here; quote a column of that name`);
  if (isWord(token, ...statementWords) && (i === 0 || isSign(tokens[i - 1], "("))) {
    refuse(`${token.text.toUpperCase()} may not stand in a query`);
  }
  if (isWord(token, "PARALLEL") && isWord(tokens[i + 1], "WITH")) refuse("one statement a request");
};

const checkCall = (token: Token, tokens: readonly Token[], i: number, { inDefinition }: ExpressionRules): void => {
  const lower = token.text.toLowerCase();
  if (token.kind === "word" && isWord(token, ...refusedWords)) {
    refuse(`${token.text.toUpperCase()} may not be used here`);
  }
  if (token.kind === "word" && (bracketWords.has(lower) || typeNames.has(lower))) return;
  if (inDefinition && token.kind === "word" && definitionWords.has(lower)) return;
  if (inDefinition && isWord(tokens[i - 1], "PROJECTION", "INDEX")) return;
  if (tableFunctions.has(lower) || isAllowedFunction(lower)) return;
  refuse(`the function ${token.text} may not be used`);
};

/** `system.table`, and `system` alone where a part of it is asked for. */
const checkSystem = (tokens: readonly Token[], i: number): void => {
  if (tokens[i].text.toLowerCase() !== "system") return;
  const table = tokens[i + 2];
  if (!isName(table) || !systemTables.has(table.text.toLowerCase())) {
    refuse(`system.${table?.text ?? ""} may not be read`);
  }
};
