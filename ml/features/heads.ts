import type { BlobReader, BlobWriter } from "./bytes.ts";
import {
  appendEvent,
  countOf,
  type EventLog,
  firstOf,
  forgetOldest,
  growLogEntities,
  newEventLog,
  readLog,
  sourceOf,
  timeOf,
  writeLog,
} from "./event-log.ts";
import type { EventReader, Place } from "./event-reader.ts";
import { grownFloats } from "./grown.ts";
import { emptyClass, type Layout, type TileClass } from "./layout.ts";
import { unionSketch } from "./sketch.ts";
import { readTiles, writeTiles } from "./tile-bytes.ts";
import { clearEntity, evictBelow, growEntities, newTiles, rowOf, type Tiles } from "./tiles.ts";
import { tileOf } from "./window.ts";

/**
 * What makes a window's head exact for a moment before the entity's newest event: the events of the last
 * `allowedLatenessMs` one by one, since a tile cannot be cut.
 *
 * Time is cut into steps, a little longer than the lateness. Where a tile is longer than a step, a *base* is kept for
 * each step that is still in reach: the tile's partials of all events before the step. The tile up to a moment is then
 * its newest base before that moment and the logged events between the two, in the order in which they came.
 *
 * The log reaches back to the oldest base, or step, that is no later than the lateness before the newest event. A busy
 * entity's log is cut at `most` events: it then reaches back less far, which `reaches` tells.
 */
export type Heads = {
  /** Before the event is folded into its tiles. */
  before(entity: number, time: number): void;
  /** After that, with the event loaded in its source's reader. `newest`: the entity's newest time before it. */
  add(entity: number, time: number, newest: number, source: number): void;
  /** Whether every tile can be cut at this moment, which is before the entity's newest event. */
  reaches(entity: number, time: number): boolean;
  /** Whether the moment's tile of a class holds later events; `cut` then answers the tile up to the moment. */
  isCut(classIndex: number, entity: number, time: number): boolean;
  /** Row in `cuts[classIndex]`, -1 where nothing is in the tile up to the moment. */
  cut(classIndex: number, entity: number, time: number): number;
  cuts: readonly Tiles[];
  clear(entity: number): void;
  grow(capacity: number): void;
  write(to: BlobWriter, entity: number, newest: number): void;
  /** Of an entity that was cleared. null for a state of a release that kept none. */
  read(blob: BlobReader | null, entity: number, newest: number): void;
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NONE = -1;

/** Most logged events of an entity. */
export const mostLogged = 4096;

/** The shortest length that divides an hour, a day or is a multiple of days, and is not shorter than the lateness. */
export const stepOf = (latenessMs: number): number => {
  for (const minutes of [5, 10, 15, 20, 30]) if (minutes * MINUTE >= latenessMs) return minutes * MINUTE;
  for (const hours of [1, 2, 3, 4, 6, 8, 12]) if (hours * HOUR >= latenessMs) return hours * HOUR;
  return Math.ceil(latenessMs / DAY) * DAY;
};

/** The partials of all classes whose tiles are longer than a step, side by side in one row a step. */
const baseClass = (layout: Layout, stepMs: number): { of: TileClass; places: (Place | null)[] } => {
  const of = emptyClass(stepMs);
  const places = layout.classes.map((tileClass) => {
    if (tileClass.hop <= stepMs) return null;
    const place = { slot: of.width, sketch: of.sketchCount };
    for (const { slot, sketch, ...rest } of tileClass.accumulators) {
      const at = { slot: slot < 0 ? slot : slot + place.slot, sketch: sketch < 0 ? sketch : sketch + place.sketch };
      of.accumulators.push({ ...rest, ...at });
    }
    of.identity = Float64Array.from([...of.identity, ...tileClass.identity]);
    of.width = of.identity.length;
    of.sketchCount += tileClass.sketchCount;
    return place;
  });
  return { of, places };
};

export type HeadsOptions = {
  layout: Layout;
  latenessMs: number;
  tiles: readonly Tiles[];
  /** By the index of their source, which stands in the log. */
  readers: readonly EventReader[];
};

export const headsOf = ({ layout, latenessMs, tiles: tilesByClass, readers }: HeadsOptions): Heads => {
  const stepMs = stepOf(latenessMs);
  const { of, places } = baseClass(layout, stepMs);
  const bases = newTiles(of);
  const log: EventLog = newEventLog(layout);
  const cuts = layout.classes.map((tileClass) => newTiles(tileClass));
  for (const tiles of cuts) growEntities(tiles, 1);
  /** By entity: the log has every event since; -Infinity for all there were, Infinity for none before the next step. */
  let from = new Float64Array(0);
  /** By entity: where the step after that of its newest event begins. */
  let nextStep = new Float64Array(0);
  const hasBases = places.some((place) => place !== null);

  const startOf = (row: number): number => bases.index[row] * stepMs;

  /** The log begins at the last step in reach, or at the last base not after it. */
  const trim = (entity: number, newest: number): void => {
    const reached = Math.floor((newest - latenessMs) / stepMs) * stepMs;
    if (!hasBases) {
      if (reached > from[entity]) from[entity] = reached;
    } else {
      let oldest = NONE;
      for (let row = bases.head[entity]; row !== NONE && startOf(row) <= reached; row = bases.next[row]) oldest = row;
      if (oldest === NONE) return;
      from[entity] = startOf(oldest);
      evictBelow(bases, entity, bases.index[oldest]);
    }
    forgetOldest(log, entity, from[entity]);
  };

  /** A busy entity gives up its oldest steps; one that is too busy for a single step waits for the next to begin. */
  const bound = (entity: number): void => {
    while (countOf(log, entity) > mostLogged) {
      from[entity] = hasBases ? nextBase(entity) : nextAfter(timeOf(log, firstOf(log, entity)));
      if (from[entity] < nextStep[entity]) {
        forgetOldest(log, entity, from[entity]);
        continue;
      }
      from[entity] = Number.POSITIVE_INFINITY;
      clearEntity(bases, entity);
      forgetOldest(log, entity, Number.POSITIVE_INFINITY);
    }
  };

  const nextAfter = (time: number): number => (Math.floor(time / stepMs) + 1) * stepMs;

  /** Makes the base that the log then begins at the oldest. */
  const nextBase = (entity: number): number => {
    let row = bases.head[entity];
    if (row !== NONE && startOf(row) === from[entity]) row = bases.next[row];
    if (row === NONE) return Number.POSITIVE_INFINITY;
    evictBelow(bases, entity, bases.index[row]);
    return startOf(row);
  };

  /** Copies what the entity's newest tile of a class holds into a new base, where that tile is the base's. */
  const copyTile = (base: number, classIndex: number, place: Place, entity: number): void => {
    const tiles = tilesByClass[classIndex];
    const tile = tiles.tail[entity];
    if (tile === NONE || tiles.index[tile] !== tileOf(startOf(base), tiles.of.hop)) return;
    const { width, sketchCount } = tiles.of;
    const to = base * of.width + place.slot;
    for (let i = 0; i < width; i++) bases.slots[to + i] = tiles.slots[tile * width + i];
    for (let i = 0; i < sketchCount; i++) {
      const own = tiles.sketches[tile * sketchCount + i];
      bases.sketches[base * of.sketchCount + place.sketch + i] = own === null ? null : unionSketch(null, own);
    }
  };

  /** The newest base that is not after the moment and in the same tile, -1 where the tile has none. */
  const baseFor = (classIndex: number, entity: number, time: number): number => {
    if (places[classIndex] === null) return NONE;
    const { hop } = layout.classes[classIndex];
    let row = bases.tail[entity];
    while (row !== NONE && startOf(row) > time) row = bases.prev[row];
    return row !== NONE && tileOf(startOf(row), hop) === tileOf(time, hop) ? row : NONE;
  };

  return {
    cuts,
    before: (entity, time) => {
      if (time < nextStep[entity]) return;
      if (nextStep[entity] !== Number.NEGATIVE_INFINITY) {
        const step = tileOf(time, stepMs);
        if (hasBases) {
          const base = rowOf(bases, entity, step);
          for (let c = 0; c < places.length; c++) {
            const place = places[c];
            if (place !== null) copyTile(base, c, place, entity);
          }
        }
        if (from[entity] === Number.POSITIVE_INFINITY) from[entity] = step * stepMs;
        trim(entity, time);
      }
      nextStep[entity] = nextAfter(time);
    },
    add: (entity, time, newest, source) => {
      const reader = readers[source];
      if (time < newest && hasBases) {
        for (let row = bases.tail[entity]; row !== NONE && startOf(row) > time; row = bases.prev[row]) {
          for (let c = 0; c < places.length; c++) {
            const place = places[c];
            const { hop } = layout.classes[c];
            if (place === null || tileOf(startOf(row), hop) !== tileOf(time, hop)) continue;
            reader.foldInto(bases, row, c, time, place);
          }
        }
      }
      if (time < from[entity]) return;
      reader.save(log, appendEvent(log, entity, source, time));
      if (countOf(log, entity) > mostLogged) bound(entity);
    },
    reaches: (entity, time) => time >= from[entity],
    isCut: (classIndex, entity, time) => {
      const { hop } = layout.classes[classIndex];
      const tile = tileOf(time, hop);
      for (let row = firstOf(log, entity); row !== NONE; row = log.next[row]) {
        if (timeOf(log, row) > time && tileOf(timeOf(log, row), hop) === tile) return true;
      }
      return false;
    },
    cut: (classIndex, entity, time) => {
      const into = cuts[classIndex];
      const { hop, width, sketchCount } = into.of;
      const tile = tileOf(time, hop);
      clearEntity(into, 0);
      const base = baseFor(classIndex, entity, time);
      let row = NONE;
      if (base !== NONE) {
        row = rowOf(into, 0, tile);
        const { slot, sketch } = places[classIndex] as Place;
        for (let i = 0; i < width; i++) into.slots[row * width + i] = bases.slots[base * of.width + slot + i];
        for (let i = 0; i < sketchCount; i++) {
          const own = bases.sketches[base * of.sketchCount + sketch + i];
          into.sketches[row * sketchCount + i] = own === null ? null : unionSketch(null, own);
        }
      }
      const since = base === NONE ? Number.NEGATIVE_INFINITY : startOf(base);
      for (let event = firstOf(log, entity); event !== NONE; event = log.next[event]) {
        const at = timeOf(log, event);
        if (at < since || at > time || tileOf(at, hop) !== tile) continue;
        const reader = readers[sourceOf(log, event)];
        reader.recall(log, event);
        if (row === NONE) row = rowOf(into, 0, tile);
        reader.foldInto(into, row, classIndex, at, WHOLE_ROW);
      }
      return row;
    },
    clear: (entity) => {
      clearEntity(bases, entity);
      forgetOldest(log, entity, Number.POSITIVE_INFINITY);
      from[entity] = Number.NEGATIVE_INFINITY;
      nextStep[entity] = Number.NEGATIVE_INFINITY;
    },
    grow: (capacity) => {
      growEntities(bases, capacity);
      growLogEntities(log, capacity);
      const known = from.length;
      from = grownFloats(from, capacity).fill(Number.NEGATIVE_INFINITY, known);
      nextStep = grownFloats(nextStep, capacity).fill(Number.NEGATIVE_INFINITY, known);
    },
    write: (to, entity, newest) => {
      to.number(from[entity]);
      writeTiles(to, bases, entity);
      writeLog(to, log, entity, newest);
    },
    read: (blob, entity, newest) => {
      nextStep[entity] = nextAfter(newest);
      if (blob === null) {
        from[entity] = Number.POSITIVE_INFINITY;
        return;
      }
      from[entity] = blob.number();
      readTiles(blob, bases, entity);
      readLog(blob, log, entity, newest, readers.length);
    },
  };
};

const WHOLE_ROW: Place = { slot: 0, sketch: 0 };
