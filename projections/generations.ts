import type { Position } from "../infra/event-store/port.ts";
import { START } from "../infra/event-store/port.ts";
import type { LogMark } from "../infra/log-marks.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";

/**
 * A generation is one build of a projection, from the first event on, under keys of its own. Which one is
 * read is a single key, so that taking over is one write.
 */
export type Generation = {
  generation: number;
  version: number;
  /** The generation that this one took over from, until that is cleared. */
  replaced?: number;
};

export const liveKey = (projection: string): string => `projection:${projection}:live`;
export const buildingKey = (projection: string): string => `projection:${projection}:building`;
/** Under the generation's own prefix, so that clearing the one clears the other. */
export const positionKey = (prefix: string): string => `${prefix}position`;

/** Of the log that the position is in (infra/log-marks.ts). */
export const marksKey = (prefix: string): string => `${prefix}marks`;

/** Channel of `BatchNotice`s, one a batch written to the live generation. */
export const noticeChannel = (projection: string): string => `projection:${projection}`;

/**
 * What a batch changed in the live generation. A reader that has applied everything up to `from` and drops
 * `keys` (all of its cache where null) from its cache has applied everything up to `position`.
 */
export type BatchNotice = { generation: number; from: Position; position: Position; keys: string[] | null };

export const readGeneration = async (onlineStore: OnlineStore, key: string): Promise<Generation | null> => {
  const value = await onlineStore.get(key);
  return value === null ? null : (JSON.parse(value.toString()) as Generation);
};

export const encodeGeneration = (generation: Generation): Buffer => Buffer.from(JSON.stringify(generation));

export const readPosition = async (onlineStore: OnlineStore, prefix: string): Promise<Position> =>
  (await onlineStore.get(positionKey(prefix)))?.toString() ?? START;

export const readMarks = async (onlineStore: OnlineStore, prefix: string): Promise<readonly LogMark[]> => {
  const value = await onlineStore.get(marksKey(prefix));
  return value === null ? [] : (JSON.parse(value.toString()) as LogMark[]);
};

export const encodeMarks = (marks: readonly LogMark[]): Buffer => Buffer.from(JSON.stringify(marks));
