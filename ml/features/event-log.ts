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
  time: Floats;
  source: Ints;
  values: Floats;
  bits: Ints;
  next: Ints;
  rows: number;
  free: number;
  /** By entity. */
  head: Ints;
  tail: Ints;
  count: Ints;
};

const NONE = -1;

export const newEventLog = ({ expressions }: Layout): EventLog => {
  const all = [...expressions.values()];
  const width = Math.max(0, ...all.map(({ values }) => values.length));
  const bits = width + Math.max(0, ...all.map(({ wheres }) => wheres.length));
  return {
    width,
    words: Math.ceil(bits / 32),
    time: new Float64Array(0),
    source: new Int32Array(0),
    values: new Float64Array(0),
    bits: new Int32Array(0),
    next: new Int32Array(0),
    rows: 0,
    free: NONE,
    head: new Int32Array(0),
    tail: new Int32Array(0),
    count: new Int32Array(0),
  };
};

export const setBit = (log: EventLog, row: number, bit: number): void => {
  log.bits[row * log.words + (bit >> 5)] |= 1 << (bit & 31);
};

export const isSet = (log: EventLog, row: number, bit: number): 0 | 1 =>
  ((log.bits[row * log.words + (bit >> 5)] >>> (bit & 31)) & 1) as 0 | 1;

export const growLogEntities = (log: EventLog, capacity: number): void => {
  log.head = grownInts(log.head, capacity, NONE);
  log.tail = grownInts(log.tail, capacity, NONE);
  log.count = grownInts(log.count, capacity, 0);
};

/** A row for the entity's next event, without bits. */
export const appendEvent = (log: EventLog, entity: number, source: number, time: number): number => {
  let row = log.free;
  if (row !== NONE) log.free = log.next[row];
  else {
    if (log.rows === log.next.length) growRows(log);
    row = log.rows++;
  }
  log.time[row] = time;
  log.source[row] = source;
  for (let i = 0; i < log.words; i++) log.bits[row * log.words + i] = 0;
  log.next[row] = NONE;
  if (log.tail[entity] === NONE) log.head[entity] = row;
  else log.next[log.tail[entity]] = row;
  log.tail[entity] = row;
  log.count[entity]++;
  return row;
};

const growRows = (log: EventLog): void => {
  const capacity = Math.max(64, log.rows + (log.rows >> 1));
  log.time = grownFloats(log.time, capacity);
  log.source = grownInts(log.source, capacity, 0);
  log.values = grownFloats(log.values, capacity * log.width);
  log.bits = grownInts(log.bits, capacity * log.words, 0);
  log.next = grownInts(log.next, capacity, NONE);
};

/** Forgets the entity's events before `from`, from the first that came on; those behind a later one stay a while. */
export const forgetOldest = (log: EventLog, entity: number, from: number): void => {
  let row = log.head[entity];
  while (row !== NONE && log.time[row] < from) {
    const after = log.next[row];
    log.next[row] = log.free;
    log.free = row;
    log.count[entity]--;
    row = after;
  }
  log.head[entity] = row;
  if (row === NONE) log.tail[entity] = NONE;
};

/** Times are written as distances from the entity's newest event; of the values only those that are there. */
export const writeLog = (to: BlobWriter, log: EventLog, entity: number, newest: number): void => {
  const { width, words } = log;
  to.varint(log.count[entity]);
  for (let row = log.head[entity]; row !== NONE; row = log.next[row]) {
    to.varint(newest - log.time[row]);
    to.varint(log.source[row]);
    for (let i = 0; i < words; i++) to.varint(log.bits[row * words + i] >>> 0);
    let present = 0;
    for (let i = 0; i < width; i++) {
      if (!Number.isNaN(log.values[row * width + i])) present += 2 ** (i % 28);
      if (i % 28 !== 27 && i !== width - 1) continue;
      to.varint(present);
      present = 0;
    }
    for (let i = 0; i < width; i++) {
      const value = log.values[row * width + i];
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
    for (let i = 0; i < words; i++) log.bits[row * words + i] = from.varint() | 0;
    for (let i = 0; i < present.length; i++) present[i] = from.varint();
    for (let i = 0; i < width; i++) {
      const isThere = ((present[Math.floor(i / 28)] >>> (i % 28)) & 1) === 1;
      log.values[row * width + i] = isThere ? from.number() : Number.NaN;
    }
  }
};
