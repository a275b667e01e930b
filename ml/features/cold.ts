import { grownInts } from "./grown.ts";

/**
 * Restored blobs that nobody has needed yet, by entity number, packed into large buffers: a million of them is three
 * small integers each and their bytes.
 */
export type ColdBlobs = {
  put(entity: number, blob: Buffer): void;
  /** The blob, which is then forgotten here; null where there is none. Valid until the next call. */
  take(entity: number): Buffer | null;
};

const CHUNK = 1 << 20;
const NONE = -1;

export const coldBlobs = (): ColdBlobs => {
  /** A chunk is let go when all of its blobs were taken. */
  const chunks: (Buffer | null)[] = [];
  const waiting: number[] = [];
  let current: Buffer | null = null;
  let used = 0;
  let chunkOf = new Int32Array(0);
  let start = new Int32Array(0);
  let length = new Int32Array(0);

  const grow = (entity: number): void => {
    const capacity = Math.max(64, entity + 1 + (entity >> 1));
    chunkOf = grownInts(chunkOf, capacity, NONE);
    start = grownInts(start, capacity, 0);
    length = grownInts(length, capacity, 0);
  };

  const forget = (entity: number): void => {
    const chunk = chunkOf[entity];
    chunkOf[entity] = NONE;
    if (--waiting[chunk] === 0 && chunks[chunk] !== current) chunks[chunk] = null;
  };

  return {
    put: (entity, blob) => {
      if (entity >= chunkOf.length) grow(entity);
      if (chunkOf[entity] !== NONE) forget(entity);
      if (current === null || used + blob.length > current.length) {
        if (current !== null && waiting[chunks.length - 1] === 0) chunks[chunks.length - 1] = null;
        current = Buffer.allocUnsafeSlow(Math.max(CHUNK, blob.length));
        chunks.push(current);
        waiting.push(0);
        used = 0;
      }
      blob.copy(current, used);
      chunkOf[entity] = chunks.length - 1;
      start[entity] = used;
      length[entity] = blob.length;
      waiting[chunks.length - 1]++;
      used += blob.length;
    },
    take: (entity) => {
      if (entity >= chunkOf.length || chunkOf[entity] === NONE) return null;
      const chunk = chunks[chunkOf[entity]] as Buffer;
      const blob = chunk.subarray(start[entity], start[entity] + length[entity]);
      forget(entity);
      return blob;
    },
  };
};
