import { barrier } from "./barrier.ts";
import { BIN_STRIDE, MISSING_BIN } from "./bins.ts";
import { buildHistogram } from "./histogram.ts";
import { histogramSize, type SharedTraining, SPLIT_FIELDS, shareOf, wordsOf } from "./shared.ts";
import { noSplit, type Split, type SplitRules, searchColumn } from "./split.ts";
import type { TreeBuilder } from "./tree-builder.ts";

/** A node of the level being grown. `from` and `to` bound this worker's rows of it in the row index. */
type OpenNode = {
  id: number;
  from: number;
  to: number;
  gradient: number;
  hessian: number;
  rows: number;
  /** Sums over all rows, of the columns that this worker searches. */
  histogram: Float64Array | null;
};

/** A leaf's rows, this worker's. */
export type LeafRows = { from: number; to: number; value: number };

export type Grower = {
  /** Grows one tree from `packed` gradients; false when the root cannot be split. The rows of leaf k are in `index`. */
  grow(tree: TreeBuilder, packed: Float64Array, rules: SplitRules): LeafRows[];
  /** This worker's rows, 0-based, grouped by leaf after `grow`. */
  index: Uint32Array;
};

const heavier = (a: OpenNode, b: OpenNode): boolean => a.hessian > b.hessian;

/**
 * Grows trees level by level; where the leaves run out, the nodes with the largest gain are split. Every worker runs
 * this on its own rows: it adds them to histograms, searches its share of the columns in the sums over all workers,
 * and then takes the same decisions as all others. Of two children the lighter is built, the other is the difference.
 */
export const newGrower = (
  shared: SharedTraining,
  me: number,
  rowBins: Uint8Array,
  rowCount: number,
  shift: number,
): Grower => {
  const { workers, columns, parameters, partial, slots } = shared;
  const words = wordsOf(columns);
  const rowWords = new Uint32Array(rowBins.buffer);
  const size = histogramSize(columns);
  const mine = shareOf(columns, 1, me, workers);
  const mineFrom = mine.from * BIN_STRIDE * 2;
  const mineSize = (mine.to - mine.from) * BIN_STRIDE * 2;
  const index = new Uint32Array(rowCount);
  const rightRows = new Uint32Array(rowCount);
  const goesLeft = new Uint8Array(BIN_STRIDE);
  const block = new Float64Array(size / 2);
  const found = noSplit();
  const partialOf = (worker: number, slot: number) =>
    partial.subarray((worker * slots + slot) * size, (worker * slots + slot + 1) * size);

  const sumOverWorkers = (slot: number): Float64Array => {
    const sums = new Float64Array(mineSize);
    for (let worker = 0; worker < workers; worker++) {
      const part = partialOf(worker, slot);
      for (let k = 0; k < mineSize; k++) sums[k] += part[mineFrom + k];
    }
    return sums;
  };

  /** The root's sums, from any one column. */
  const sumRoot = (root: OpenNode): void => {
    for (let worker = 0; worker < workers; worker++) {
      const part = partialOf(worker, 0);
      for (let bin = 0; bin < BIN_STRIDE; bin++) {
        root.gradient += part[2 * bin];
        root.hessian += part[2 * bin + 1];
      }
    }
  };

  const search = (node: OpenNode, at: number, rules: SplitRules): void => {
    found.gain = 0;
    found.column = -1;
    if (node.rows >= 2 * rules.minLeafRows && node.histogram !== null) {
      for (let column = mine.from; column < mine.to; column++) {
        const first = (column - mine.from) * BIN_STRIDE * 2;
        searchColumn(node.histogram, first, column, shared.bins[column], node, rules, found);
      }
    }
    const target = (me * parameters.maxLeaves + at) * SPLIT_FIELDS;
    shared.splits[target] = found.gain;
    shared.splits[target + 1] = found.column;
    shared.splits[target + 2] = found.bin;
    shared.splits[target + 3] = found.missingLeft ? 1 : 0;
    shared.splits[target + 4] = found.gradient;
    shared.splits[target + 5] = found.hessian;
  };

  /** The best over all columns; on a tie the lowest column, whoever searched it. */
  const bestOf = (at: number): Split => {
    let best = at * SPLIT_FIELDS;
    for (let worker = 1; worker < workers; worker++) {
      const other = (worker * parameters.maxLeaves + at) * SPLIT_FIELDS;
      if (shared.splits[other] > shared.splits[best]) best = other;
    }
    const [gain, column, bin, missingLeft, gradient, hessian] = shared.splits.subarray(best, best + SPLIT_FIELDS);
    return { gain, column, bin, missingLeft: missingLeft === 1, gradient, hessian };
  };

  /** Moves the rows that go left to the front, order kept; answers where the right ones begin. */
  const part = (node: OpenNode, split: Split): number => {
    goesLeft.fill(0).fill(1, 0, split.bin + 1);
    goesLeft[MISSING_BIN] = split.missingLeft ? 1 : 0;
    let left = node.from;
    let right = 0;
    for (let i = node.from; i < node.to; i++) {
      const row = index[i];
      const toLeft = goesLeft[rowBins[row * words * 4 + split.column]];
      index[left] = row;
      rightRows[right] = row;
      left += toLeft;
      right += 1 - toLeft;
    }
    index.set(rightRows.subarray(0, right), left);
    return left;
  };

  /** Histograms, sums and best splits of a level. `pairs` are siblings, of which the lighter gets built. */
  const examine = (
    level: OpenNode[],
    builds: { node: OpenNode; sibling: OpenNode | null }[],
    packed: Float64Array,
    rules: SplitRules,
  ): Split[] => {
    for (const [slot, { node }] of builds.entries()) {
      buildHistogram(index, node.from, node.to, rowWords, words, packed, shift, block, partialOf(me, slot));
    }
    for (const [at, node] of level.entries()) shared.rows[me * parameters.maxLeaves + at] = node.to - node.from;
    barrier(shared.barrier, workers);
    for (const [slot, { node, sibling }] of builds.entries()) {
      node.histogram = sumOverWorkers(slot);
      if (sibling === null) sumRoot(node);
      else if (sibling.histogram !== null) {
        for (let k = 0; k < mineSize; k++) sibling.histogram[k] -= node.histogram[k];
      }
    }
    for (const [at, node] of level.entries()) {
      node.rows = 0;
      for (let worker = 0; worker < workers; worker++) node.rows += shared.rows[worker * parameters.maxLeaves + at];
      search(node, at, rules);
    }
    barrier(shared.barrier, workers);
    return level.map((_, at) => bestOf(at));
  };

  const grow: Grower["grow"] = (tree, packed, rules) => {
    for (let row = 0; row < rowCount; row++) index[row] = row;
    const leaves: LeafRows[] = [];
    const close = (node: OpenNode): void => {
      const weight = node.hessian * rules.hessianStep + rules.l2;
      const value = Math.fround((-parameters.learningRate * node.gradient * rules.gradientStep) / weight);
      tree.setLeaf(node.id, value);
      leaves.push({ from: node.from, to: node.to, value });
    };
    const root: OpenNode = {
      id: tree.addNode(),
      from: 0,
      to: rowCount,
      gradient: 0,
      hessian: 0,
      rows: 0,
      histogram: null,
    };
    let level = [root];
    let builds: { node: OpenNode; sibling: OpenNode | null }[] = [{ node: root, sibling: null }];
    let leafCount = 1;
    for (let depth = 1; level.length > 0; depth++) {
      const splits = examine(level, builds, packed, rules);
      const order = splits
        .map((split, at) => ({ at, gain: split.gain }))
        .filter(({ gain }) => gain > 0)
        .sort((a, b) => b.gain - a.gain || a.at - b.at);
      const chosen = new Set(order.slice(0, parameters.maxLeaves - leafCount).map(({ at }) => at));
      leafCount += chosen.size;
      const last = depth >= parameters.maxDepth || leafCount >= parameters.maxLeaves;
      const children: OpenNode[] = [];
      builds = [];
      for (const [at, node] of level.entries()) {
        if (!chosen.has(at)) {
          close(node);
          continue;
        }
        const split = splits[at];
        const middle = part(node, split);
        const [leftId, rightId] = tree.split(node.id, split);
        const left: OpenNode = { ...node, id: leftId, to: middle, gradient: split.gradient, hessian: split.hessian };
        const right: OpenNode = {
          ...node,
          id: rightId,
          from: middle,
          gradient: node.gradient - split.gradient,
          hessian: node.hessian - split.hessian,
        };
        children.push(left, right);
        // The sibling inherits the parent's histogram, from which the built one is taken away.
        builds.push(heavier(left, right) ? { node: right, sibling: left } : { node: left, sibling: right });
      }
      if (last) for (const child of children) close(child);
      level = last ? [] : children;
    }
    return leaves;
  };

  return { grow, index };
};
