/** Typed arrays that own their buffer. */
export type Ints = Int32Array<ArrayBuffer>;
export type Floats = Float64Array<ArrayBuffer>;

/**
 * The array at a larger capacity. The old one is detached, which gives its memory back at once: left to the collector,
 * which sees only the small objects around it, garbage of large buffers piles up.
 */
export const grownInts = (array: Ints, capacity: number, fill: number): Ints => {
  const length = array.length;
  const larger = new Int32Array(array.buffer.transfer(capacity * Int32Array.BYTES_PER_ELEMENT));
  return fill === 0 ? larger : larger.fill(fill, length);
};

/** As `grownInts`; new elements are 0. */
export const grownFloats = (array: Floats, capacity: number): Floats =>
  new Float64Array(array.buffer.transfer(capacity * Float64Array.BYTES_PER_ELEMENT));
