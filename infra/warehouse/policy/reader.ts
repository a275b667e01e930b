import { isName, isSign, isWord, type Token } from "../sql/lexer.ts";
import { isReserved, isReservedDatabase } from "./names.ts";
import { refuse } from "./refusal.ts";

/** Reads the head of a statement token by token. */
export type Reader = {
  readonly at: number;
  rest(): Token[];
  done(): boolean;
  next(): Token | undefined;
  peek(ahead?: number): Token | undefined;
  /** Takes the words when they come next, one after the other. */
  skip(...words: string[]): boolean;
  skipSign(sign: string): boolean;
  /** `[database.]table`, in the given database without one. */
  table(): { database: string; table: string };
  /** A table that a guest may change. */
  ownTable(): void;
  ownDatabase(): void;
};

export const readerOf = (tokens: readonly Token[], database: string): Reader => {
  let at = 0;
  const name = (): string => {
    const token = tokens[at++];
    if (!isName(token)) throw refuse("expected the name of a table or a database");
    if (!/^[\p{L}\p{N}_][\p{L}\p{N}_ :-]*$/u.test(token.text)) {
      refuse(`${JSON.stringify(token.text)} is no name for a table or a database here`);
    }
    return token.text;
  };
  const self: Reader = {
    get at() {
      return at;
    },
    rest: () => tokens.slice(at),
    done: () => at >= tokens.length,
    next: () => tokens[at++],
    peek: (ahead = 0) => tokens[at + ahead],
    skip: (...words) => {
      if (!words.every((word, i) => isWord(tokens[at + i], word))) return false;
      at += words.length;
      return true;
    },
    skipSign: (sign) => {
      if (!isSign(tokens[at], sign)) return false;
      at++;
      return true;
    },
    table: () => {
      const first = name();
      return self.skipSign(".") ? { database: first, table: name() } : { database, table: first };
    },
    ownTable: () => {
      const { database: of, table } = self.table();
      if (isReserved(of, table)) {
        refuse(
          `${of}.${table} is the platform's own, or its name is kept for one: make a database or a table of another name`,
        );
      }
    },
    ownDatabase: () => {
      const database = name();
      if (isReservedDatabase(database)) refuse(`the database ${database} is the platform's own`);
    },
  };
  return self;
};
