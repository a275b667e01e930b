/**
 * Keys of a changelog's feature state: `v`, view, version and entity, separated by NUL. Keys that begin with
 * another letter belong to other state of the task (its watermark, its open joins) and are not features.
 */
const LETTER = 0x76;

export type StateKey = { view: string; version: number; entity: string };

export const viewStateKey = (view: string, version: number, entity: string): string =>
  `v\u0000${view}\u0000${version}\u0000${entity}`;

/** Whether these key bytes name feature state; the cheap question before `parseStateKey`. */
export const isStateKey = (bytes: Buffer, start: number, end: number): boolean =>
  start >= 0 && end - start > 2 && bytes[start] === LETTER && bytes[start + 1] === 0;

/** Inverse of `viewStateKey` over the bytes of a record's key; null for a key of another kind or an absent one. */
export const parseStateKey = (bytes: Buffer, start: number, end: number): StateKey | null => {
  if (!isStateKey(bytes, start, end)) return null;
  const viewEnd = bytes.indexOf(0, start + 2);
  if (viewEnd < 0 || viewEnd >= end) return null;
  const versionEnd = bytes.indexOf(0, viewEnd + 1);
  if (versionEnd < 0 || versionEnd >= end) return null;
  const version = Number(bytes.toString("latin1", viewEnd + 1, versionEnd));
  if (!Number.isInteger(version) || version < 1) return null;
  return {
    view: bytes.toString("utf8", start + 2, viewEnd),
    version,
    entity: bytes.toString("utf8", versionEnd + 1, end),
  };
};
