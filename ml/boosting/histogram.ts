import { BIN_STRIDE } from "./bins.ts";
import { BLOCK_ROWS } from "./objective.ts";

/**
 * Sums of gradients and hessians by bin over some rows, into `histogram`: for entry k of `words * 4 * BIN_STRIDE`
 * the gradient at 2k and the hessian at 2k + 1, whole numbers. `bins` holds four columns a word.
 */
export const buildHistogram = (
  index: Uint32Array,
  from: number,
  to: number,
  bins: Uint32Array,
  words: number,
  packed: Float64Array,
  shift: number,
  block: Float64Array,
  histogram: Float64Array,
): void => {
  histogram.fill(0);
  for (let start = from; start < to; start += BLOCK_ROWS) {
    block.fill(0);
    addRows(index, start, Math.min(to, start + BLOCK_ROWS), bins, words, packed, block);
    for (let k = 0; k < block.length; k++) {
      const sum = block[k];
      if (sum === 0) continue;
      const gradient = Math.floor(sum / shift);
      histogram[2 * k] += gradient;
      histogram[2 * k + 1] += sum - gradient * shift;
    }
  }
};

const addRows = (
  index: Uint32Array,
  from: number,
  to: number,
  bins: Uint32Array,
  words: number,
  packed: Float64Array,
  block: Float64Array,
): void => {
  for (let i = from; i < to; i++) {
    const row = index[i];
    const step = packed[row];
    const first = row * words;
    for (let word = 0, base = 0; word < words; word++, base += 4 * BIN_STRIDE) {
      const four = bins[first + word];
      block[base + (four & 255)] += step;
      block[base + BIN_STRIDE + ((four >>> 8) & 255)] += step;
      block[base + 2 * BIN_STRIDE + ((four >>> 16) & 255)] += step;
      block[base + 3 * BIN_STRIDE + (four >>> 24)] += step;
    }
  }
};
