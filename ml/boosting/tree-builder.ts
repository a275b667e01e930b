import { BIN_STRIDE, type CutTable, MISSING_BIN } from "./bins.ts";
import type { Split } from "./split.ts";
import type { Tree } from "./types.ts";

/** A tree in the making, on bins; `finish` puts it on values. */
export type TreeBuilder = {
  addNode(): number;
  /** Answers the ids of the left and the right child. */
  split(node: number, split: Split): [number, number];
  setLeaf(node: number, value: number): void;
  size(): number;
  /** The leaf's value for the binned row that starts at `at`. */
  walk(bins: Uint8Array, at: number): number;
  finish(): Tree;
};

export const newTreeBuilder = (cuts: CutTable, binsOf: Int32Array): TreeBuilder => {
  const feature: number[] = [];
  const bin: number[] = [];
  const missingLeft: number[] = [];
  const left: number[] = [];
  const right: number[] = [];
  const value: number[] = [];
  const addNode = (): number => {
    bin.push(0);
    missingLeft.push(0);
    left.push(0);
    right.push(0);
    value.push(0);
    return feature.push(-1) - 1;
  };
  const thresholdOf = (node: number): number => {
    if (feature[node] < 0) return 0;
    const everyValue = bin[node] === binsOf[feature[node]] - 1;
    return everyValue ? Number.POSITIVE_INFINITY : cuts[feature[node] * BIN_STRIDE + bin[node]];
  };
  return {
    addNode,
    split(node, split) {
      feature[node] = split.column;
      bin[node] = split.bin;
      missingLeft[node] = split.missingLeft ? 1 : 0;
      left[node] = addNode();
      right[node] = addNode();
      return [left[node], right[node]];
    },
    setLeaf(node, leaf) {
      value[node] = leaf;
    },
    size: () => feature.length,
    walk(bins, at) {
      let node = 0;
      while (feature[node] >= 0) {
        const found = bins[at + feature[node]];
        const toLeft = found === MISSING_BIN ? missingLeft[node] === 1 : found <= bin[node];
        node = toLeft ? left[node] : right[node];
      }
      return value[node];
    },
    finish: () => ({
      feature: Int32Array.from(feature),
      threshold: Float32Array.from(feature, (_, node) => thresholdOf(node)),
      missingLeft: Uint8Array.from(missingLeft),
      left: Int32Array.from(left),
      right: Int32Array.from(right),
      value: Float64Array.from(value),
    }),
  };
};
