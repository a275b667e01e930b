import { MillraceError } from "../../schemas/errors.ts";

/** What a JSON text may hold. Beyond it parsing alone holds everybody up: 33 MB of `[` take seconds. */
export const jsonLimits = { depth: 64, containers: 1_000_000, members: 100_000, values: 4_000_000 } as const;

/** Whatever has no more characters is parsed in a fraction of a second. */
const SMALL = 2_097_152;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = [0x5b, 0x7b];
const CLOSE = [0x5d, 0x7d];

/** Behind the string that begins at `start`. */
const afterString = (text: string, start: number): number => {
  let end = text.indexOf('"', start + 1);
  for (; end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) break;
  }
  return end === -1 ? text.length : end;
};

const tooMuch = (what: string, most: number): MillraceError =>
  new MillraceError("BAD_REQUEST", `the JSON has more than ${most} ${what}`, { details: { limit: most } });

/** BAD_REQUEST where a text nests too deeply, or holds too much; it need not be JSON. */
const checkStructure = (text: string): void => {
  const { depth: mostDeep, containers: mostContainers, members: mostMembers, values: mostValues } = jsonLimits;
  const members = new Uint32Array(mostDeep + 1);
  let [depth, containers, values] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = afterString(text, i);
    else if (char === COMMA) {
      if (++members[depth] >= mostMembers) throw tooMuch("members in one array or object", mostMembers);
      if (++values > mostValues) throw tooMuch("values", mostValues);
    } else if (char === OPEN[0] || char === OPEN[1]) {
      if (++depth > mostDeep) throw tooMuch("levels of arrays and objects in each other", mostDeep);
      if (++containers > mostContainers) throw tooMuch("arrays and objects", mostContainers);
      members[depth] = 0;
    } else if ((char === CLOSE[0] || char === CLOSE[1]) && depth > 0) depth--;
  }
};

/** Whether an object in it has an own member `__proto__`: assigned on, it would become its prototype. */
const hasProto = (value: unknown): boolean => {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== "object" || next === null) continue;
    if (Object.hasOwn(next, "__proto__")) return true;
    for (const inner of Object.values(next)) left.push(inner);
  }
  return false;
};

export type JsonOptions = {
  /** What no bytes mean: refused without it. */
  empty?: "nothing";
  /** Only large texts are looked through before they are parsed, since that costs a third of parsing. */
  flat?: true;
};

/**
 * A JSON text of a stranger's. BAD_REQUEST where it is none, goes beyond `jsonLimits` or names `__proto__`. Small
 * `flat` ones may nest as deep as they like: what reads them does not follow.
 */
export const parseJson = (text: string, { flat }: JsonOptions = {}): unknown => {
  if (flat !== true || text.length > SMALL) checkStructure(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MillraceError("BAD_REQUEST", `the body is not JSON: ${(error as Error).message}`);
  }
  const mayHaveProto = text.includes("__proto__") || text.includes("\\u005");
  if (mayHaveProto && hasProto(value)) throw new MillraceError("BAD_REQUEST", "the JSON has a member __proto__");
  return value;
};

type Done = (error: Error | null, body?: unknown) => void;

/** For `addContentTypeParser` with `parseAs: "string"`. */
export const jsonParser =
  (options: JsonOptions = {}) =>
  (_: unknown, body: string | Buffer, done: Done): void => {
    let [error, value]: [Error | null, unknown] = [null, undefined];
    try {
      if (body !== "" || options.empty !== "nothing") value = parseJson(body as string, options);
    } catch (refusal) {
      error = refusal as Error;
    }
    done(error, value);
  };
