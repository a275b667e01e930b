type Timed = { step: number; timestamp: number; value: number };

/**
 * A value in the order of latest points. NaN stands where 0 does, as MLflow's store has it, but a 0 of the same moment
 * is later: the answer does not depend on which came first.
 */
const placeOf = (value: number): number => (Number.isNaN(value) ? 0 : value);

/**
 * Whether `a` is the latest point rather than `b`: the higher step, then the higher timestamp, then the higher value, as
 * MLflow's own stores have it (`_compare_metrics` in mlflow/store/tracking/sqlalchemy_store.py). Its REST reference,
 * which leaves the step out, is wrong.
 */
export const isLater = (a: Timed, b: Timed): boolean => {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  const [one, other] = [placeOf(a.value), placeOf(b.value)];
  return one === other ? Number.isNaN(b.value) && !Number.isNaN(a.value) : one > other;
};

const signBit = 1n << 63n;

/**
 * The same order as a number of 256 bits, little-endian: the step, the timestamp, which is not negative, and the value,
 * 64 bits each. It is written to `rank`.
 */
export const rankOf = ({ step, timestamp, value }: Timed, rank: Buffer): Buffer => {
  rank.fill(0);
  // Just below 0: the place of -0, which is written as 0.
  if (Number.isNaN(value)) rank.writeBigUInt64LE(signBit - 1n, 0);
  else {
    rank.writeDoubleLE(value === 0 ? 0 : value, 0);
    if (value < 0) for (let i = 0; i < 8; i++) rank[i] ^= 0xff;
    else rank[7] ^= 0x80;
  }
  rank.writeBigUInt64LE(BigInt(timestamp), 8);
  rank.writeBigUInt64LE(BigInt(step) + signBit, 16);
  return rank;
};
