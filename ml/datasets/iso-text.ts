const DAY_SECONDS = 86_400;

/** Days since 1970 that are the first of the year 0 and the last of the year 9999. */
export const dayRange = { first: -719_528, last: 2_932_896 } as const;

/** `YYYY-MM-DD` of days since 1970; null beyond the years 0 to 9999. */
export const dateText = (days: number): string | null => {
  if (!(days >= dayRange.first && days <= dayRange.last)) return null;
  return new Date(days * DAY_SECONDS * 1000).toISOString().slice(0, 10);
};

const unitsASecond = { 3: 1_000n, 6: 1_000_000n, 9: 1_000_000_000n } as const;

/** `HH:MM:SS.fff` of milliseconds (3 digits), microseconds (6) or nanoseconds (9) of a day. */
export const timeText = (units: bigint, digits: 3 | 6 | 9): string => {
  const perSecond = unitsASecond[digits];
  const seconds = Number(units / perSecond);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")}.${String(units % perSecond).padStart(digits, "0")}`;
};

/** `YYYY-MM-DD HH:MM:SS.fff` of such units since 1970, in UTC; null beyond the years 0 to 9999. */
export const timestampText = (units: bigint, digits: 3 | 6 | 9): string | null => {
  const perDay = unitsASecond[digits] * BigInt(DAY_SECONDS);
  const within = ((units % perDay) + perDay) % perDay;
  const date = dateText(Number((units - within) / perDay));
  return date === null ? null : `${date} ${timeText(within, digits)}`;
};

/** A whole number of so many hundredths, thousandths and so on, without an exponent. */
export const decimalText = (unscaled: bigint, scale: number): string => {
  if (scale <= 0) return `${unscaled}${unscaled === 0n ? "" : "0".repeat(-scale)}`;
  const sign = unscaled < 0n ? "-" : "";
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
};

/** Two's complement, the highest byte first. */
export const signedBigEndian = (bytes: Uint8Array): bigint => {
  if (bytes.length === 0) return 0n;
  const value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  return bytes[0] < 128 ? value : value - (1n << BigInt(8 * bytes.length));
};

/** A number as JSON; what JSON has no number for as a text. */
export const floatJson = (value: number): string => {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0.0" : String(value);
  return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"Infinity"' : '"-Infinity"';
};
