import { MillraceError } from "../../schemas/errors.ts";
import type { ModelStructure, StructureNode } from "./structure.ts";
import { idsAttribute, stringsEqual } from "./values.ts";

/** Deeper trees overflow the stack of a thread when the runtime loads them: it walks them by recursion. */
const deepestTree = 1000;

const onPath = -2;
const unseen = -1;

/**
 * Indices of the nodes by (tree, id, a node of that tree). Exporters write a tree's nodes one after the other, with
 * the ids 0, 1, 2, ...
 */
const nodeIndex = (trees: Int32Array, ids: Int32Array): ((tree: number, id: number, near: number) => number) => {
  const starts = new Set<number>();
  const isInOrder = trees.every((tree, i) => {
    if (i > 0 && tree === trees[i - 1]) return ids[i] === ids[i - 1] + 1;
    const isFirst = ids[i] === 0 && !starts.has(tree);
    starts.add(tree);
    return isFirst;
  });
  if (isInOrder) {
    return (tree, id, near) => {
      const at = near - ids[near] + id;
      return trees[at] === tree ? at : -1;
    };
  }
  const byTree = new Map<number, Map<number, number>>();
  trees.forEach((tree, i) => {
    const nodes = byTree.get(tree) ?? new Map<number, number>();
    byTree.set(tree, nodes.set(ids[i], i));
  });
  return (tree, id) => byTree.get(tree)?.get(id) ?? -1;
};

type Branches = { left: Int32Array; right: Int32Array };

/** The longest way from each node to a leaf; null where a way leads back to a node that it has passed. */
const heights = ({ left, right }: Branches): Int32Array | null => {
  const height = new Int32Array(left.length).fill(unseen);
  const path: number[] = [];
  for (let root = 0; root < left.length; root++) {
    if (height[root] === unseen) path.push(root);
    while (path.length > 0) {
      const node = path[path.length - 1];
      height[node] = onPath;
      const [a, b] = [left[node], right[node]];
      const [belowA, belowB] = [a < 0 ? unseen : height[a], b < 0 ? unseen : height[b]];
      if (belowA === onPath || belowB === onPath) return null;
      if (a >= 0 && belowA === unseen) path.push(a);
      else if (b >= 0 && belowB === unseen) path.push(b);
      else {
        height[node] = Math.max(belowA, belowB) + 1;
        path.pop();
      }
    }
  }
  return height;
};

/** The deepest node's height by tree, summed up; null where one tree is too deep. */
const sumOfDepths = (trees: Int32Array, height: Int32Array): number | null => {
  const deepest = new Map<number, number>();
  for (let i = 0; i < trees.length; ) {
    const tree = trees[i];
    let depth = deepest.get(tree) ?? 0;
    for (; i < trees.length && trees[i] === tree; i++) depth = Math.max(depth, height[i]);
    if (depth > deepestTree) return null;
    deepest.set(tree, depth);
  }
  return deepest.values().reduce((sum, depth) => sum + depth + 1, 0);
};

/**
 * Branches that a row meets at most in a TreeEnsembleRegressor or -Classifier; null where that cannot be told, or a
 * tree is too deep for a thread. INVALID_MODEL where a branch leads back to a node before it: the runtime would walk
 * that circle without end, on the rows that come by.
 */
export const treeSteps = (structure: ModelStructure, node: StructureNode): number | null => {
  const [trees, ids, ...targets] = ["treeids", "nodeids", "truenodeids", "falsenodeids"].map((name) =>
    idsAttribute(structure, node, `nodes_${name}`),
  );
  const isLeaf = stringsEqual(structure, node, "nodes_modes", "LEAF");
  if (trees === null || ids === null || isLeaf.length !== trees.length || ids.length !== trees.length) return null;
  const indexOf = nodeIndex(trees, ids);
  const [left, right] = targets.map((list) => {
    if (list?.length !== trees.length) return null;
    for (let i = 0; i < trees.length; i++) list[i] = isLeaf[i] ? -1 : indexOf(trees[i], list[i], i);
    return list;
  });
  if (left === null || right === null) return null;
  const height = heights({ left, right });
  if (height === null) {
    throw new MillraceError(
      "INVALID_MODEL",
      `A tree of ${node.operator} has a branch that leads back to its own start.`,
    );
  }
  return sumOfDepths(trees, height);
};
