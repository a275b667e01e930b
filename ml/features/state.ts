import { MillraceError } from "../../schemas/errors.ts";
import { fingerprintOf, readBlob, writeBlob } from "./blob.ts";
import { blobWriter } from "./bytes.ts";
import { coldBlobs } from "./cold.ts";
import { eventReader } from "./event-reader.ts";
import { grownFloats } from "./grown.ts";
import { headsOf } from "./heads.ts";
import { clearEntity, evictOld, firstKept, growEntities, newTiles } from "./tiles.ts";
import type { ViewPlan } from "./view.ts";
import { windowReader } from "./window-reader.ts";

/**
 * Feature state of one view in one partition.
 *
 * An entity's state is a pure function of the sequence of its events that were applied: not of how they were batched,
 * when features were read, or whether the state went through a blob in between. Features are a pure function of that
 * state and the moment asked for.
 */
export type ViewState = {
  plan: ViewPlan;
  /** Entities known. */
  readonly size: number;
  /** Events left out since the start: later than allowed, measured by the newest of their entity, or without a key. */
  readonly left: Readonly<LeftOut>;
  /**
   * Folds one event of a source; false when left out or of no interest: no feature takes it.
   * A value that is missing or not finite is not folded. INVALID_RECORD for a time that is not UTC milliseconds.
   */
  apply(source: string, event: Record<string, unknown>, time: number): boolean;
  /**
   * Writes the view's features as of `time` for the entity into out[at..]; NaN where there is no value. An entity that
   * is unknown, or older than the ttl, reads as one without events: 0 for count, sum, rate and distinct, else NaN.
   * Reading changes nothing that can be seen.
   *
   * Answers whether they are exact: those of the entity's events up to `time`. Within `allowedLatenessMs` before its
   * newest event they are (of an entity with more than `mostLogged` events in that time, less far back); for an
   * earlier moment, windows may hold later events of the hop that the moment is in, and lack their oldest.
   */
  read(entity: string, time: number, out: Float64Array, at: number): boolean;
  /** Entities changed since the last drain, with their whole state. The buffer is only valid during the call. */
  drain(emit: (entity: string, blob: Buffer) => void): void;
  /** Replaces the entity's state. The bytes are copied, and decoded when the entity is next needed. */
  restore(entity: string, blob: Buffer): void;
};

/** Why events were left out, and how many. */
export type LeftOut = { late: number; keyless: number };

/** The newest time that tile indices can hold. */
const MAX_TIME = 0x7fffffff * 300_000;

export const viewState = (plan: ViewPlan): ViewState => {
  const { classes } = plan.layout;
  const fingerprint = fingerprintOf(plan.layout);
  const lateness = plan.definition.allowedLatenessMs;
  const ttl = plan.definition.ttlMs ?? Number.POSITIVE_INFINITY;
  const tilesByClass = classes.map(newTiles);
  const windows = windowReader(tilesByClass);
  const readers = plan.sources.map((source) => eventReader(plan.layout, source));
  const sourceIndex = new Map(plan.sources.map((source, i) => [source, i]));
  const heads =
    lateness === 0 ? null : headsOf({ layout: plan.layout, latenessMs: lateness, tiles: tilesByClass, readers });
  const parts = { classes: tilesByClass, heads };
  const writer = blobWriter();
  const cold = coldBlobs();

  const ids = new Map<string, number>();
  const names: string[] = [];
  let newest = new Float64Array(0);
  let dirty = new Uint8Array(0);
  let changed: number[] = [];
  const left: LeftOut = { late: 0, keyless: 0 };

  const idOf = (entity: string): number => {
    const known = ids.get(entity);
    if (known !== undefined) return known;
    const id = names.push(entity) - 1;
    ids.set(entity, id);
    if (id === newest.length) growTo(Math.max(64, id + (id >> 1)));
    newest[id] = Number.NEGATIVE_INFINITY;
    return id;
  };

  const growTo = (capacity: number): void => {
    newest = grownFloats(newest, capacity);
    const flags = new Uint8Array(capacity);
    flags.set(dirty);
    dirty = flags;
    for (const tiles of tilesByClass) growEntities(tiles, capacity);
    heads?.grow(capacity);
  };

  const thaw = (id: number): void => {
    const blob = cold.take(id);
    if (blob !== null) newest[id] = readBlob(blob, fingerprint, parts, id);
  };

  const advance = (id: number, time: number): void => {
    newest[id] = time;
    for (let c = 0; c < tilesByClass.length; c++) {
      const tiles = tilesByClass[c];
      const first = firstKept(tiles.of, time);
      const oldest = tiles.head[id];
      if (oldest < 0 || tiles.index[oldest] >= first) continue;
      if (evictOld(tiles, id, first)) windows.evicted(c, id, tiles.floor[id]);
    }
  };

  const apply = (source: string, event: Record<string, unknown>, time: number): boolean => {
    const index = sourceIndex.get(source);
    if (index === undefined) return false;
    if (!(time >= 0 && time <= MAX_TIME)) {
      throw new MillraceError("INVALID_RECORD", `The event time ${time} is not in UTC milliseconds since 1970.`);
    }
    const entity = plan.entityOf(event);
    if (entity === "") {
      left.keyless++;
      return false;
    }
    const known = ids.get(entity);
    if (known !== undefined) {
      thaw(known);
      // By the entity's own clock: an event of another that is ahead of time closes no window of this one.
      if (time < newest[known] - lateness) {
        left.late++;
        return false;
      }
    }
    const reader = readers[index];
    if (!reader.load(event, time)) return false;

    const id = known ?? idOf(entity);
    heads?.before(id, time);
    for (let c = 0; c < tilesByClass.length; c++) {
      const row = reader.fold(tilesByClass[c], c, id, time);
      if (row >= 0) windows.changed(c, id, row);
    }
    heads?.add(id, time, newest[id], index);
    if (time > newest[id]) advance(id, time);
    if (dirty[id] === 0) {
      dirty[id] = 1;
      changed.push(id);
    }
    return true;
  };

  return {
    plan,
    apply,
    get size() {
      return names.length;
    },
    left,
    read: (entity, time, out, at) => {
      const id = ids.get(entity);
      if (id === undefined) {
        windows.readEmpty(out, at);
        return true;
      }
      thaw(id);
      if (time >= newest[id]) {
        if (time - newest[id] > ttl) windows.readEmpty(out, at);
        else windows.read(id, time, null, out, at);
        return true;
      }
      const reached = heads?.reaches(id, time) ? heads : null;
      windows.read(id, time, reached, out, at);
      return reached !== null && time >= newest[id] - lateness;
    },
    drain: (emit) => {
      for (const id of changed) {
        dirty[id] = 0;
        thaw(id);
        writeBlob(writer, fingerprint, newest[id], parts, id);
        emit(names[id], writer.bytes());
      }
      changed = [];
    },
    restore: (entity, blob) => {
      const id = idOf(entity);
      for (let c = 0; c < tilesByClass.length; c++) {
        clearEntity(tilesByClass[c], id);
        windows.evicted(c, id, 0x7fffffff);
      }
      heads?.clear(id);
      cold.put(id, blob);
    },
  };
};

const scratch = new WeakMap<ViewPlan, ViewState>();

/** A blob (from the changelog or the online store) evaluated as of a moment, ttl applied. One value a feature. */
export const evaluateBlob = (plan: ViewPlan, blob: Buffer, time: number): Float64Array => {
  const out = new Float64Array(plan.featureNames.length);
  readBlobInto(plan, blob, time, out, 0);
  return out;
};

/** As `ViewState.read`, of a blob. */
export const readBlobInto = (plan: ViewPlan, blob: Buffer, time: number, out: Float64Array, at: number): boolean => {
  let state = scratch.get(plan);
  if (state === undefined) {
    state = viewState(plan);
    scratch.set(plan, state);
  }
  state.restore("", blob);
  return state.read("", time, out, at);
};
