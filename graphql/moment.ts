/** As of when a document was read: what it leads to is read as of the same moment. */
const moments = new WeakMap<object, number>();

/** The same object, remembered as read as of this moment; untouched without one. Not for objects that are shared. */
export const seenAt = <T extends object>(read: T, asOf: number | null | undefined): T => {
  if (asOf !== null && asOf !== undefined) moments.set(read, asOf);
  return read;
};

/** Options of a read that goes on from this object. */
export const sameMoment = (read: object): { asOf?: number } => ({ asOf: moments.get(read) });
