import { MISSING_BIN } from "./bins.ts";

/** Sums of a node: whole-numbered gradient and hessian, and rows. */
export type NodeSums = { gradient: number; hessian: number; rows: number };

/** Steps of the whole numbers, and the limits of a split. */
export type SplitRules = { gradientStep: number; hessianStep: number; l2: number; minLeafRows: number };

/** Bins up to `bin` go left, the missing by `missingLeft`; `gradient` and `hessian` are the left child's. */
export type Split = {
  gain: number;
  column: number;
  bin: number;
  missingLeft: boolean;
  gradient: number;
  hessian: number;
};

export const noSplit = (): Split => ({ gain: 0, column: -1, bin: 0, missingLeft: false, gradient: 0, hessian: 0 });

/** A gain below this share of the node's own term is rounding. */
const LEAST_GAIN = 1e-12;

/**
 * The best split of a node by one column, kept in `best` where it gains more than what is there. The gain is that of
 * Chen and Guestrin (XGBoost, 2016, eq. 7) without the half. Rows of a side are estimated from its hessian's share, as
 * LightGBM does; for squared error this is exact. `at` is the column's first entry in `histogram`.
 */
export const searchColumn = (
  histogram: Float64Array,
  at: number,
  column: number,
  bins: number,
  node: NodeSums,
  rules: SplitRules,
  best: Split,
): void => {
  const { gradientStep, hessianStep, l2 } = rules;
  const rowsPerHessian = node.rows / node.hessian;
  const whole = node.gradient * gradientStep;
  const unsplit = (whole * whole) / (node.hessian * hessianStep + l2);
  const missingGradient = histogram[at + 2 * MISSING_BIN];
  const missingHessian = histogram[at + 2 * MISSING_BIN + 1];
  const lastBin = missingHessian > 0 ? bins - 1 : bins - 2;
  for (let side = 0; side < (missingHessian > 0 ? 2 : 1); side++) {
    let gradient = side === 1 ? missingGradient : 0;
    let hessian = side === 1 ? missingHessian : 0;
    for (let bin = 0; bin <= lastBin; bin++) {
      gradient += histogram[at + 2 * bin];
      hessian += histogram[at + 2 * bin + 1];
      const rows = hessian * rowsPerHessian;
      if (rows < rules.minLeafRows) continue;
      if (node.rows - rows < rules.minLeafRows || hessian === node.hessian) break;
      const left = gradient * gradientStep;
      const right = whole - left;
      const gain =
        (left * left) / (hessian * hessianStep + l2) +
        (right * right) / ((node.hessian - hessian) * hessianStep + l2) -
        unsplit;
      if (gain > best.gain && gain > LEAST_GAIN * unsplit) {
        best.gain = gain;
        best.column = column;
        best.bin = bin;
        // Where none is missing the heavier side is the better guess for the day that one is.
        best.missingLeft = missingHessian > 0 ? side === 1 : hessian > node.hessian - hessian;
        best.gradient = gradient;
        best.hessian = hessian;
      }
    }
  }
};
