/**
 * A stored value: one byte of what it is, the log offset as a little-endian double where there is one, the blob.
 * A deletion with an offset leaves its offset behind, so that an older write does not bring the key back.
 */
export const plain = 0;
export const withOffset = 1;
const deletedAt = 2;

export const headerBytes = 9;
const plainHeader = Buffer.of(plain);

/** Empty for what is to be deleted without a trace. */
export const encodeValue = (value: Buffer | null, offset: number | undefined): Buffer => {
  if (offset === undefined) return value === null ? Buffer.alloc(0) : Buffer.concat([plainHeader, value]);
  const stored = Buffer.allocUnsafe(headerBytes + (value?.length ?? 0));
  stored[0] = value === null ? deletedAt : withOffset;
  stored.writeDoubleLE(offset, 1);
  value?.copy(stored, headerBytes);
  return stored;
};

export const decodeValue = (stored: Buffer | null): Buffer | null => {
  if (stored === null || stored[0] === deletedAt) return null;
  return stored.subarray(stored[0] === withOffset ? headerBytes : plainHeader.length);
};
