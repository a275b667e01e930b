import { MillraceError } from "../../schemas/errors.ts";
import type { BlobReader, BlobWriter } from "./bytes.ts";
import { type Floats, grownFloats, grownInts, type Ints } from "./grown.ts";
import type { Layout } from "./layout.ts";

/**
 * Recent events of all entities of a view, as their source's expressions read them: a row an event, the rows of an
 * entity linked in the order in which they came. -1 ends a list; freed rows are linked through `next`.
 */
export type EventLog = {
  /** Numbers of an event: one a value expression of its source. NaN where missing. */
  width: number;
  /** 32-bit words of an event: first a bit a value, whether it was a text, then one a predicate. */
  words: number;
  /** By row, side by side, for a row is touched as a whole: time, source, words, numbers. */
  stride: number;
  data: Floats;
  next: Ints;
  rows: number;
  free: number;
  /** By entity, side by side: head, tail, count, and nothing. */
  lists: Ints;
};

const NONE = -1;
const FIELDS = 4;
const TAIL = 1;
const COUNT = 2;
const SOURCE = 1;
const WORDS = 2;

export const newEventLog = ({ expressions }: Layout): EventLog => {
  const all = [...expressions.values()];
  const width = Math.max(0, ...all.map(({ values }) => values.length));
  const bits = width + Math.max(0, ...all.map(({ wheres }) => wheres.length));
  const words = Math.ceil(bits / 32);
  return {
    width,
    words,
    stride: WORDS + words + width,
    data: new Float64Array(0),
    next: new Int32Array(0),
    rows: 0,
    free: NONE,
    lists: new Int32Array(0),
  };
};

export const timeOf = (log: EventLog, row: number): number => log.data[row * log.stride];
export const sourceOf = (log: EventLog, row: number): number => log.data[row * log.stride + SOURCE];
/** Where the row's numbers begin in `data`. */
export const numbersAt = (log: EventLog, row: number): number => row * log.stride + WORDS + log.words;
export const firstOf = (log: EventLog, entity: number): number => log.lists[entity * FIELDS];
export const countOf = (log: EventLog, entity: number): number => log.lists[entity * FIELDS + COUNT];

export const setBit = (log: EventLog, row: number, bit: number): void => {
  const at = row * log.stride + WORDS + (bit >> 5);
  log.data[at] = (log.data[at] | (1 << (bit & 31))) >>> 0;
};

export const isSet = (log: EventLog, row: number, bit: number): 0 | 1 =>
  ((log.data[row * log.stride + WORDS + (bit >> 5)] >>> (bit & 31)) & 1) as 0 | 1;

export const growLogEntities = (log: EventLog, capacity: number): void => {
  const known = log.lists.length;
  log.lists = grownInts(log.lists, capacity * FIELDS, NONE);
  for (let at = known + COUNT; at < log.lists.length; at += FIELDS) log.lists[at] = 0;
};

/** A row for the entity's next event, without bits. */
export const appendEvent = (log: EventLog, entity: number, source: number, time: number): number => {
  let row = log.free;
  if (row !== NONE) log.free = log.next[row];
  else {
    if (log.rows === log.next.length) growRows(log);
    row = log.rows++;
  }
  const at = row * log.stride;
  log.data[at] = time;
  log.data[at + SOURCE] = source;
  for (let i = 0; i < log.words; i++) log.data[at + WORDS + i] = 0;
  log.next[row] = NONE;
  const list = entity * FIELDS;
  const tail = log.lists[list + TAIL];
  if (tail === NONE) log.lists[list] = row;
  else log.next[tail] = row;
  log.lists[list + TAIL] = row;
  log.lists[list + COUNT]++;
  return row;
};

const growRows = (log: EventLog): void => {
  const capacity = Math.max(64, log.rows + (log.rows >> 1));
  log.data = grownFloats(log.data, capacity * log.stride);
  log.next = grownInts(log.next, capacity, NONE);
};

/** Forgets the entity's events before `from`, from the first that came on; those behind a later one stay a while. */
export const forgetOldest = (log: EventLog, entity: number, from: number): void => {
  const list = entity * FIELDS;
  let row = log.lists[list];
  while (row !== NONE && log.data[row * log.stride] < from) {
    const after = log.next[row];
    log.next[row] = log.free;
    log.free = row;
    log.lists[list + COUNT]--;
    row = after;
  }
  log.lists[list] = row;
  if (row === NONE) log.lists[list + TAIL] = NONE;
};

/** Times are written as distances from the entity's newest event; of the values only those that are there. */
export const writeLog = (to: BlobWriter, log: EventLog, entity: number, newest: number): void => {
  const { width, words } = log;
  to.varint(countOf(log, entity));
  for (let row = firstOf(log, entity); row !== NONE; row = log.next[row]) {
    const at = numbersAt(log, row);
    to.varint(newest - timeOf(log, row));
    to.varint(sourceOf(log, row));
    for (let i = 0; i < words; i++) to.varint(log.data[at - words + i]);
    let present = 0;
    for (let i = 0; i < width; i++) {
      if (!Number.isNaN(log.data[at + i])) present += 2 ** (i % 28);
      if (i % 28 !== 27 && i !== width - 1) continue;
      to.varint(present);
      present = 0;
    }
    for (let i = 0; i < width; i++) {
      const value = log.data[at + i];
      if (!Number.isNaN(value)) to.number(value);
    }
  }
};

export const readLog = (from: BlobReader, log: EventLog, entity: number, newest: number, sources: number): void => {
  const { width, words } = log;
  const present: number[] = new Array(Math.ceil(width / 28));
  for (let left = from.varint(); left > 0; left--) {
    const time = newest - from.varint();
    const source = from.varint();
    if (source >= sources) throw new MillraceError("UNDECODABLE_RECORD", "a feature state names a source it lacks");
    const row = appendEvent(log, entity, source, time);
    const at = numbersAt(log, row);
    for (let i = 0; i < words; i++) log.data[at - words + i] = from.varint();
    for (let i = 0; i < present.length; i++) present[i] = from.varint();
    for (let i = 0; i < width; i++) {
      const isThere = ((present[Math.floor(i / 28)] >>> (i % 28)) & 1) === 1;
      log.data[at + i] = isThere ? from.number() : Number.NaN;
    }
  }
};
