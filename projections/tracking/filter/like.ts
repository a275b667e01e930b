/**
 * A LIKE pattern as a test of a text: `%` stands for any characters, `_` for one; there is no escape. Characters are
 * code points; ILIKE compares them as Unicode's simple case folding does.
 *
 * All ways to match are followed at once, a bit each (Baeza-Yates and Gonnet, "A new approach to text searching", 1992):
 * each character of the text costs one step for 32 characters of the pattern, whatever they are. A regular expression
 * tries one way after the other, which takes hours for `%a%a%a%a%a%a%b`.
 */
export const likePattern = (pattern: string, ignoresCase: boolean): ((text: string) => boolean) => {
  const fold = ignoresCase ? foldCase : same;
  const { characters, any, loops } = parsePattern(pattern, fold);
  const words = (characters.length >>> 5) + 1;
  // Bit i: the first i characters have been matched. A character moves each bit whose next character it is.
  const stays = bitsOf(words, loops);
  const always = bitsOf(words, any);
  const moves = new Map<number, Int32Array>();
  for (const [i, character] of characters.entries()) {
    if (character === null) continue;
    const bits = moves.get(character) ?? always.slice();
    setBit(bits, i);
    moves.set(character, bits);
  }
  // Most characters of most texts are found without folding or hashing.
  const ascii = Array.from({ length: 128 }, (_, point) => moves.get(fold(point)) ?? always);
  const movesOf = (point: number): Int32Array => (point < 128 ? ascii[point] : (moves.get(fold(point)) ?? always));
  return words === 1
    ? shortMatcher(movesOf, stays[0], 1 << characters.length)
    : longMatcher(movesOf, stays, characters.length);
};

type Moves = (point: number) => Int32Array;

/** Of patterns up to 31 characters: the state is one number. */
const shortMatcher =
  (movesOf: Moves, stays: number, end: number) =>
  (text: string): boolean => {
    let state = 1;
    for (let at = 0; at < text.length; at++) {
      const point = text.codePointAt(at) as number;
      if (point > 0xffff) at++;
      state = (state & stays) | ((state & movesOf(point)[0]) << 1);
      if (state === 0) return false;
      if ((state & stays & end) !== 0) return true;
    }
    return (state & end) !== 0;
  };

const longMatcher =
  (movesOf: Moves, stays: Int32Array, end: number) =>
  (text: string): boolean => {
    const state = new Int32Array(stays.length);
    state[0] = 1;
    for (let at = 0; at < text.length; at++) {
      const point = text.codePointAt(at) as number;
      if (point > 0xffff) at++;
      if (!step(state, movesOf(point), stays)) return false;
    }
    return hasBit(state, end);
  };

/** Follows every way by one character; false where none is left. */
const step = (state: Int32Array, moves: Int32Array, stays: Int32Array): boolean => {
  let carry = 0;
  let left = 0;
  for (let i = 0; i < state.length; i++) {
    const moved = state[i] & moves[i];
    state[i] = (state[i] & stays[i]) | (moved << 1) | carry;
    carry = moved >>> 31;
    left |= state[i];
  }
  return left !== 0;
};

const setBit = (bits: Int32Array, at: number): void => {
  bits[at >>> 5] |= 1 << (at & 31);
};

const hasBit = (bits: Int32Array, at: number): boolean => (bits[at >>> 5] & (1 << (at & 31))) !== 0;

const bitsOf = (words: number, places: readonly number[]): Int32Array => {
  const bits = new Int32Array(words);
  for (const at of places) setBit(bits, at);
  return bits;
};

/** `characters`: null for `_`. `any`: the places of these. `loops`: before which of them a `%` stands, or at the end. */
const parsePattern = (pattern: string, fold: (point: number) => number) => {
  const characters: (number | null)[] = [];
  const any: number[] = [];
  const loops: number[] = [];
  for (const character of pattern) {
    if (character === "%") loops.push(characters.length);
    else if (character === "_") {
      any.push(characters.length);
      characters.push(null);
    } else characters.push(fold(character.codePointAt(0) as number));
  }
  return { characters, any, loops };
};

const same = (point: number): number => point;

/** As CaseFolding.txt says it and `toLowerCase` of `toUpperCase` does not: dotless i, and three pairs of equal signs. */
const exceptions: ReadonlyMap<number, number> = new Map([
  [0x131, 0x131],
  [0x1fd3, 0x390],
  [0x1fe3, 0x3b0],
  [0xfb05, 0xfb06],
]);

const foldCase = (point: number): number => {
  if (point < 0x80) return point >= 0x41 && point <= 0x5a ? point + 0x20 : point;
  return exceptions.get(point) ?? alone(alone(point, "toUpperCase"), "toLowerCase");
};

/** The other case of a character, where that is one character. */
const alone = (point: number, change: "toUpperCase" | "toLowerCase"): number => {
  const changed = String.fromCodePoint(point)[change]();
  const other = changed.codePointAt(0) as number;
  return changed.length === (other > 0xffff ? 2 : 1) ? other : point;
};
