import { holdsText } from "./text-search.ts";

/** Functions of expressions over numbers. `time` arguments are UTC milliseconds, their results are in UTC. */
export const numberFunctions: ReadonlyMap<string, { arity: 1 | 2; apply(a: number, b: number): number }> = new Map([
  ["hour", { arity: 1, apply: (time) => modulo(Math.floor(time / 3_600_000), 24) }],
  ["minute", { arity: 1, apply: (time) => modulo(Math.floor(time / 60_000), 60) }],
  /** 0 is Sunday; 1970-01-01 was a Thursday. */
  ["weekday", { arity: 1, apply: (time) => modulo(Math.floor(time / 86_400_000) + 4, 7) }],
  /** 1 to 12. */
  ["month", { arity: 1, apply: (time) => new Date(time).getUTCMonth() + 1 }],
  /** 1 to 366. */
  ["dayOfYear", { arity: 1, apply: (time) => dayOfYear(time) }],
  ["abs", { arity: 1, apply: Math.abs }],
  ["floor", { arity: 1, apply: Math.floor }],
  ["ceil", { arity: 1, apply: Math.ceil }],
  ["log", { arity: 1, apply: Math.log }],
  ["sqrt", { arity: 1, apply: Math.sqrt }],
  ["min", { arity: 2, apply: Math.min }],
  ["max", { arity: 2, apply: Math.max }],
]);

/** Functions of two strings, called as `text.startsWith("x")`. */
export const stringFunctions: ReadonlyMap<string, (text: string, part: string) => boolean> = new Map([
  ["startsWith", (text, part) => text.startsWith(part)],
  ["endsWith", (text, part) => text.endsWith(part)],
  ["contains", holdsText],
]);

/** Length in Unicode code points, as the CEL specification counts. */
export const codePoints = (text: string): number => {
  let length = 0;
  for (let i = 0; i < text.length; i++, length++) {
    if ((text.codePointAt(i) as number) > 0xffff) i++;
  }
  return length;
};

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

const dayOfYear = (time: number): number => {
  const date = new Date(time);
  const startOfYear = Date.UTC(date.getUTCFullYear(), 0, 1);
  return Math.floor((time - startOfYear) / 86_400_000) + 1;
};
