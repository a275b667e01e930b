import { MillraceError } from "../../../schemas/errors.ts";
import type { Comparison, Field, Filter, NumberOperator, OrderKey, TextOperator } from "./ast.ts";
import { datasetKeys, entityNames, type KindRules, kinds, type SearchKind } from "./kinds.ts";
import { malformed, type Token, tokensOf } from "./tokens.ts";

const numberOperators: readonly string[] = ["=", "!=", ">", ">=", "<", "<="];
const textOperators: readonly string[] = ["=", "!=", "LIKE", "ILIKE"];

/** What one search may ask for: each condition and each key of an order is a query of its own over the tables. */
const limits = { characters: 200_000, conditions: 100, pattern: 1_000, keys: 20, keyCharacters: 1_000 } as const;

const tooLarge = (what: string, found: number, most: number): MillraceError =>
  new MillraceError("BAD_REQUEST", `${what}: ${found}, at most ${most} are allowed`);

type Words = {
  readonly token: Token;
  next(): Token;
  /** Takes the word or symbol if it comes next. */
  takes(word: string): boolean;
  /** BAD_REQUEST at a token, the present one without it. */
  refuse(message: string, token?: Token): never;
};

const wordsOf = (source: string, what: string): Words => {
  const tokens = tokensOf(source, what);
  let index = 0;
  const words: Words = {
    get token() {
      return tokens[index];
    },
    next: () => tokens[index < tokens.length - 1 ? index++ : index],
    takes(word) {
      const { kind, text } = tokens[index];
      const isIt = (kind === "name" && text.toUpperCase() === word) || (kind === "symbol" && text === word);
      if (isIt) index++;
      return isIt;
    },
    refuse(message, token = tokens[index]) {
      throw malformed(what, token.at, message);
    },
  };
  return words;
};

const shown = ({ kind, text }: Token): string => (kind === "end" ? "the end" : `"${text}"`);

/**
 * A filter in MLflow's language; nothing or blanks is the filter that lets everything pass. BAD_REQUEST says what is
 * wrong at which character.
 */
export const parseFilter = (kind: SearchKind, source: string | undefined): Filter => {
  if (source === undefined || source.trim() === "") return [];
  if (source.length > limits.characters) throw tooLarge("filter: characters", source.length, limits.characters);
  const words = wordsOf(source, "filter");
  const found = [comparison(words, kind)];
  while (words.takes("AND")) {
    if (found.length === limits.conditions) {
      words.refuse(`there are more than ${limits.conditions} conditions`);
    }
    found.push(comparison(words, kind));
  }
  if (words.token.kind !== "end") {
    words.refuse(
      words.token.text.toUpperCase() === "OR"
        ? "conditions are joined by AND only, not by OR"
        : `expected AND or the end, not ${shown(words.token)}`,
    );
  }
  return found;
};

/** Keys of an order, each `field [ASC|DESC]`. BAD_REQUEST as for a filter, and for a field that is named twice. */
export const parseOrder = (kind: SearchKind, sources: readonly string[] = []): OrderKey[] => {
  const seen = new Set<string>();
  if (sources.length > limits.keys) throw tooLarge("order_by: keys", sources.length, limits.keys);
  return sources.map((source, i) => {
    if (source.length > limits.keyCharacters) {
      throw tooLarge(`order_by[${i}]: characters`, source.length, limits.keyCharacters);
    }
    const words = wordsOf(source, `order_by[${i}]`);
    const start = words.token;
    const rules = kinds[kind];
    const named = field(words, kind, rules.orderOnly);
    const descends = words.takes("DESC");
    if (!descends) words.takes("ASC");
    if (words.token.kind !== "end") words.refuse(`expected ASC, DESC or the end, not ${shown(words.token)}`);
    if (named.entity === "dataset") words.refuse("cannot be ordered by datasets", start);
    const name = `${named.entity}.${named.key}`;
    if (seen.has(name)) words.refuse(`${name} is named twice`, start);
    seen.add(name);
    const isNumber = isNumeric(rules, named) || rules.orderOnly.includes(named.key);
    return { ...named, type: isNumber ? "number" : "text", ascending: !descends };
  });
};

/**
 * The key of an order by a field that stands alone, `metrics.auc` or an attribute, as it is: nothing in it is quoted.
 * BAD_REQUEST for an attribute that there is not.
 */
export const orderKey = (kind: SearchKind, name: string, ascending: boolean): OrderKey => {
  const rules = kinds[kind];
  if (name.startsWith("metrics.")) {
    return { entity: "metric", key: name.slice("metrics.".length), type: "number", ascending };
  }
  const key = rules.aliases[name] ?? name;
  if (![...rules.text, ...rules.numbers, ...rules.orderOnly].includes(key)) {
    throw new MillraceError("BAD_REQUEST", `Invalid order by field name: ${name}`);
  }
  const type = rules.numbers.includes(key) || rules.orderOnly.includes(key) ? "number" : "text";
  return { entity: "attribute", key, type, ascending };
};

const isNumeric = (rules: KindRules, { entity, key }: Field): boolean =>
  entity === "metric" || (entity === "attribute" && rules.numbers.includes(key));

/** `entity.key`, or the name of an attribute alone. */
const field = (words: Words, kind: SearchKind, more: readonly string[] = []): Field => {
  const rules = kinds[kind];
  const token = words.next();
  if (token.kind !== "name" && token.kind !== "backticks" && token.kind !== "doubleQuotes") {
    words.refuse(`expected a field, not ${shown(token)}`, token);
  }
  const dot = token.kind === "name" ? token.text.indexOf(".") : -1;
  const prefix = token.text.slice(0, Math.max(0, dot));
  const entity = dot < 0 ? "attribute" : entityNames.get(prefix);
  const known = ["attribute", ...rules.entities];
  if (entity === undefined || !known.includes(entity)) {
    return words.refuse(
      `there is no "${prefix}" to search; there are ${known.map((one) => `${one}s`).join(", ")}`,
      token,
    );
  }
  const text = token.text.slice(dot + 1);
  if (text === "") words.refuse(`a key is missing behind "${token.text}"`, token);
  if (entity === "dataset" && !datasetKeys.some((key) => key === text)) {
    words.refuse(`there is no dataset key "${text}"; there are ${datasetKeys.join(", ")}`, token);
  }
  if (entity !== "attribute") return { entity, key: text };
  const key = rules.aliases[text] ?? text;
  const attributes = [...rules.text, ...rules.numbers, ...more];
  if (!attributes.includes(key)) {
    words.refuse(`there is no attribute "${text}"; there are ${attributes.join(", ")}`, token);
  }
  return { entity, key };
};

const operatorOf = (words: Words): Token => {
  const token = words.next();
  const word = token.text.toUpperCase();
  if (token.kind === "symbol" && numberOperators.includes(word)) return token;
  if (token.kind === "name") {
    if (word === "LIKE" || word === "ILIKE" || word === "IN") return { ...token, text: word };
    if (word === "NOT" && words.takes("IN")) return { ...token, text: "NOT IN" };
    if (word === "IS" && words.takes("NULL")) return { ...token, text: "IS NULL" };
    if (word === "IS" && words.takes("NOT") && words.takes("NULL")) return { ...token, text: "IS NOT NULL" };
  }
  return words.refuse(`expected an operator, not ${shown(token)}`, token);
};

const comparison = (words: Words, kind: SearchKind): Comparison => {
  const rules = kinds[kind];
  const named = field(words, kind);
  const token = operatorOf(words);
  const operator = token.text;
  const isNumber = isNumeric(rules, named);
  const allowed = [
    ...(isNumber ? numberOperators : textOperators),
    ...(!isNumber && rules.lists.includes(named.entity) ? ["IN", "NOT IN"] : []),
    ...(rules.nulls.includes(named.entity) ? ["IS NULL", "IS NOT NULL"] : []),
  ];
  if (!allowed.includes(operator)) {
    words.refuse(`${named.entity}s cannot be compared by "${operator}" here, but by ${allowed.join(", ")}`, token);
  }
  if (operator === "IS NULL" || operator === "IS NOT NULL") return { ...named, type: "null", operator };
  if (operator === "IN" || operator === "NOT IN") return { ...named, type: "list", operator, values: list(words) };
  return isNumber
    ? { ...named, type: "number", operator: operator as NumberOperator, value: number(words) }
    : { ...named, type: "text", operator: operator as TextOperator, value: textFor(words, operator) };
};

const textFor = (words: Words, operator: string): string => {
  const { token } = words;
  const value = text(words);
  if (value.length > limits.pattern && operator.endsWith("LIKE")) {
    words.refuse(`a pattern has at most ${limits.pattern} characters, not ${value.length};`, token);
  }
  return value;
};

const number = (words: Words): number => {
  const token = words.next();
  if (token.kind !== "number") words.refuse(`expected a number, not ${shown(token)}`, token);
  return Number(token.text);
};

const text = (words: Words): string => {
  const token = words.next();
  if (token.kind !== "text" && token.kind !== "doubleQuotes") {
    words.refuse(`expected a text in quotes, not ${shown(token)}`, token);
  }
  return token.text;
};

const list = (words: Words): string[] => {
  if (!words.takes("(")) words.refuse(`expected "(", not ${shown(words.token)}`);
  const values = [text(words)];
  while (words.takes(",")) values.push(text(words));
  if (!words.takes(")")) words.refuse(`expected "," or ")", not ${shown(words.token)}`);
  return values;
};
