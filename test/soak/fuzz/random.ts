/** Numbers from 0 up to 1, from a seed. */
export type Random = () => number;

/** A whole number below the limit. */
export const below = (random: Random, limit: number): number => Math.floor(random() * limit);

export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)];

export const chance = (random: Random, share: number): boolean => random() < share;

export const times = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: below(random, most + 1) }, make);

const alphabet = "abcXYZ012_-./ %'\"\\{}[]()<>:;,*?=&#@!\n\té€😀\u0000\u200b\ufeff";

export const randomText = (random: Random, most = 24): string =>
  times(random, most, () => pick(random, [...alphabet])).join("");

export const randomBytes = (random: Random, most: number): Buffer =>
  Buffer.from(times(random, most, () => below(random, 256)));

/** What programs are known to stumble over. */
const nastyTexts = [
  "",
  " ",
  ".",
  "..",
  "../../../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "/",
  "\\",
  "%",
  "%00",
  "\u0000",
  "null",
  "undefined",
  "NaN",
  "-1",
  "0",
  "1e999",
  "9223372036854775808",
  "__proto__",
  "constructor",
  "toString",
  "a".repeat(5000),
  "😀".repeat(200),
  "\ud800",
  "' OR 1=1 --",
  "`",
  "{{7*7}}",
  "$" + "{x}",
  "name LIKE '%a%a%a%a%a%a%b'",
  "2026-13-45T99:99:99Z",
];

export const nastyText = (random: Random): string =>
  chance(random, 0.7) ? pick(random, nastyTexts) : randomText(random, 40);

const nastyNumbers = [
  0,
  -0,
  -1,
  1,
  2,
  0.1,
  1.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  2 ** 63,
  1e308,
  -1e308,
  5e-324,
];

export const nastyNumber = (random: Random): number => pick(random, nastyNumbers);

/** Any JSON value, nested a little. */
export const nastyJson = (random: Random, depth = 3): unknown => {
  const kind = below(random, depth > 0 ? 8 : 5);
  if (kind === 0) return null;
  if (kind === 1) return chance(random, 0.5);
  if (kind === 2) return nastyNumber(random);
  if (kind <= 4) return nastyText(random);
  if (kind <= 6) return times(random, 4, () => nastyJson(random, depth - 1));
  return Object.fromEntries(times(random, 4, () => [nastyText(random), nastyJson(random, depth - 1)]));
};

/** The same as a part of a URL, which may be cut in the middle of an escape. */
export const urlPart = (random: Random, most = 300): string =>
  encodeURIComponent(nastyText(random).toWellFormed()).slice(0, most);
