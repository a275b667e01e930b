const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LF = 0x0a;
const blanks = new Set([0x20, 0x09, LF, 0x0d]);
const code = (character: string): number => character.charCodeAt(0);
const [OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, COMMA] = ["{", "}", "[", "]", ","].map(code);

/** Brackets within brackets. */
const MAX_DEPTH = 1_000;

/** Why bytes are no rows of JSON. */
export class JsonRowError extends Error {}

/**
 * Cuts objects, one after the other or in one array, out of chunks of UTF-8. `JsonRowError` for what stands between
 * them, and for what is nested without end; whether an object itself is JSON is not looked at.
 */
export type JsonRows = {
  /** Calls back with the bytes of each object that has ended; they are valid until the next push. */
  push(chunk: Buffer, object: (bytes: Buffer) => void): void;
  /** `JsonRowError` where the bytes end within an object or the array. */
  end(): void;
  /** The line in which the object at hand begins, from 1. */
  line(): number;
  /** Bytes of the object that the bytes so far end in. */
  openBytes(): number;
};

export const jsonRows = (): JsonRows => {
  let depth = 0;
  let isInText = false;
  let isEscaped = false;
  let line = 1;
  let rowLine = 1;
  let held: Buffer[] = [];
  let heldBytes = 0;
  /** What may stand outside of objects: in a sequence an object; in an array by turns an object and a comma. */
  let outside: "begin" | "sequence" | "item" | "comma" | "behind" = "begin";

  const between = (byte: number): void => {
    if (blanks.has(byte)) return;
    rowLine = line;
    if (byte === OPEN_LIST && outside === "begin") outside = "item";
    else if (byte === OPEN && outside !== "comma" && outside !== "behind") {
      outside = outside === "item" ? "item" : "sequence";
      depth = 1;
    } else if (byte === COMMA && outside === "comma") outside = "item";
    else if (byte === CLOSE_LIST && (outside === "comma" || outside === "item")) outside = "behind";
    else
      throw new JsonRowError(
        `not valid JSON rows: ${expected[outside]} is expected, not ${JSON.stringify(String.fromCharCode(byte))}`,
      );
  };
  const within = (byte: number): void => {
    if (isInText) {
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) isInText = false;
    } else if (byte === QUOTE) isInText = true;
    else if (byte === OPEN || byte === OPEN_LIST) {
      if (++depth > MAX_DEPTH) throw new JsonRowError(`not valid JSON: it is nested more than ${MAX_DEPTH} deep`);
    } else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
  };

  return {
    push(chunk, object) {
      let begin = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (byte === LF) line++;
        if (depth === 0) {
          between(byte);
          begin = i;
          continue;
        }
        within(byte);
        if (depth > 0) continue;
        if (outside === "item") outside = "comma";
        const last = chunk.subarray(begin, i + 1);
        object(held.length === 0 ? last : Buffer.concat([...held, last]));
        held = [];
        heldBytes = 0;
      }
      if (depth === 0) return;
      held.push(Buffer.from(chunk.subarray(begin)));
      heldBytes += chunk.length - begin;
    },
    end() {
      if (depth > 0) throw new JsonRowError("not valid JSON: the file ends within the row");
      if (outside === "item" || outside === "comma")
        throw new JsonRowError("not valid JSON: the file ends within the array");
    },
    line: () => rowLine,
    openBytes: () => heldBytes,
  };
};

const expected = {
  begin: "an object, or an array of objects,",
  sequence: "an object",
  item: "an object",
  comma: "a comma or the end of the array",
  behind: "the end of the file",
};
