/** Decompresses one LZ4 block (lz4_Block_format.md) of a known size. RangeError where it is none of that size. */
export const lz4Block = (input: Uint8Array, size: number): Uint8Array => {
  const output = new Uint8Array(size);
  let from = 0;
  let to = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble < 15) return length;
    for (let byte = 255; byte === 255; length += byte) {
      byte = input[from++] ?? Number.NaN;
    }
    return length;
  };
  while (from < input.length) {
    const token = input[from++];
    const literals = lengthOf(token >> 4);
    if (!(from + literals <= input.length && to + literals <= size)) throw new RangeError("an LZ4 page is damaged");
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from >= input.length) break;
    const distance = input[from] | (input[from + 1] << 8);
    from += 2;
    const length = lengthOf(token & 15) + 4;
    if (!(distance > 0 && distance <= to && to + length <= size)) throw new RangeError("an LZ4 page is damaged");
    for (const end = to + length; to < end; to++) output[to] = output[to - distance];
  }
  if (to !== size) throw new RangeError("an LZ4 page is not as long as it says");
  return output;
};
