import type { Task } from "../../schemas/lifecycle/model.ts";

/**
 * Gradients as whole numbers, so that their sums are exact and the same in whatever order and by however many workers
 * they are made. A row's gradient and hessian travel in one double, `gradient * shift + hessian`; a block of BLOCK_ROWS
 * of them stays within 53 bits. Rounding is stochastic, hence unbiased (Shi et al., "Quantized Training of Gradient
 * Boosting Decision Trees", NeurIPS 2022), by a hash of seed, tree and row.
 */
export const BLOCK_ROWS = 8192;

export type Packing = {
  /** Gradient 1.0 is this many steps once divided by the largest gradient there can be. */
  gradientSteps: number;
  hessianSteps: number;
  shift: number;
};

export const packingOf = (task: Task): Packing =>
  task === "binary"
    ? { gradientSteps: 2 ** 14, hessianSteps: 2 ** 10, shift: 2 ** 24 }
    : { gradientSteps: 2 ** 24, hessianSteps: 1, shift: 2 ** 14 };

/** Losses are summed by chunks of so many rows, chunk sums in order: the same sum for any number of workers. */
export const CHUNK_ROWS = 1024;

/**
 * Derivatives and loss of rows under their scores. `derivatives[i]` becomes the probability (binary) or the residual
 * score - label (regression). Chunk sums of the loss go to `losses`; answers the largest |residual|, 1 for binary.
 */
export const measure = (
  task: Task,
  scores: Float64Array,
  labels: Float32Array,
  derivatives: Float64Array,
  losses: Float64Array,
): number => {
  let largest = 0;
  for (let chunk = 0, from = 0; from < scores.length; chunk++, from += CHUNK_ROWS) {
    const to = Math.min(from + CHUNK_ROWS, scores.length);
    let loss = 0;
    if (task === "binary") {
      for (let i = from; i < to; i++) {
        const score = scores[i];
        const decay = Math.exp(-Math.abs(score));
        const tail = decay / (1 + decay);
        derivatives[i] = score >= 0 ? 1 - tail : tail;
        loss += Math.log1p(decay) + Math.max(score, 0) - labels[i] * score;
      }
    } else {
      for (let i = from; i < to; i++) {
        const residual = scores[i] - labels[i];
        derivatives[i] = residual;
        loss += residual * residual;
        largest = Math.max(largest, Math.abs(residual));
      }
    }
    losses[chunk] = loss;
  }
  return task === "binary" ? 1 : largest;
};

/** A 32-bit mix (Prospecting for Hash Functions, Wellons: lowbias32). */
const mix = (value: number): number => {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
};

/** Fills `packed`; `firstRow` is the number of row 0 in the whole matrix, `scale` the steps of gradient 1.0. */
export const packGradients = (
  task: Task,
  derivatives: Float64Array,
  labels: Float32Array,
  packed: Float64Array,
  options: { packing: Packing; scale: number; seed: number; tree: number; firstRow: number },
): void => {
  const { packing, scale, firstRow } = options;
  const { shift, hessianSteps } = packing;
  const salt = mix(options.seed ^ mix(options.tree + 1));
  for (let i = 0; i < derivatives.length; i++) {
    const random = mix((firstRow + i) ^ salt);
    const dither = (random >>> 16) / 65536;
    if (task === "binary") {
      const probability = derivatives[i];
      const gradient = Math.floor((probability - labels[i]) * scale + dither);
      const hessian = Math.floor(probability * (1 - probability) * 4 * hessianSteps + (random & 65535) / 65536);
      packed[i] = gradient * shift + Math.max(1, Math.min(hessian, hessianSteps));
    } else {
      packed[i] = Math.floor(derivatives[i] * scale + dither) * shift + 1;
    }
  }
};
