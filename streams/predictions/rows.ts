/** Rows of one batch that one version scores: a growing row-major matrix and its outputs. */
export type Rows = {
  count: number;
  matrix: Float32Array;
  outputs: Float32Array;
  /** Makes room for one more row; answers where it begins in the matrix. */
  next(): number;
};

export const rows = (columns: number): Rows => {
  const self: Rows = {
    count: 0,
    matrix: new Float32Array(1024 * columns),
    outputs: new Float32Array(0),
    next: () => {
      const at = self.count * columns;
      if (at + columns > self.matrix.length) {
        const grown = new Float32Array(self.matrix.length * 2);
        grown.set(self.matrix);
        self.matrix = grown;
      }
      self.count += 1;
      return at;
    },
  };
  return self;
};
