import { readdirSync, readFileSync } from "node:fs";

/** What /proc tells of a process; null when it has ended. Linux only. */
const statOf = (pid: number): { parent: number; state: string; resident: number } | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], parent: Number(fields[1]), resident: Number(fields[21]) * 4096 };
  } catch {
    return null;
  }
};

export const childrenOf = (pid: number): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((each) => Number.isInteger(each) && isAlive(each) && statOf(each)?.parent === pid);

/** A process and all that it started, itself first. */
export const treeOf = (root: number): number[] => {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : null;
    if (stat !== null) children.set(stat.parent, [...(children.get(stat.parent) ?? []), pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
};

/** The process that holds the embedded warehouse; null while none runs. */
export const warehouseOf = (root: number): number | null => {
  const isWarehouse = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("warehouse/child/main.ts");
    } catch {
      return false;
    }
  };
  return treeOf(root).slice(1).find(isWarehouse) ?? null;
};

/** Signals those that still live. */
export const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
};

/** Ends all of them at one moment: they are stopped first, so that none sees another go. */
export const killTree = (root: number): void => {
  const tree = treeOf(root);
  signal(tree, "SIGSTOP");
  signal(treeOf(root), "SIGKILL");
  signal(tree, "SIGKILL");
};

/** Bytes of memory that a process and all that it started hold. */
export const residentBytes = (root: number): number =>
  treeOf(root).reduce((sum, pid) => sum + (statOf(pid)?.resident ?? 0), 0);

/** Milliseconds that a process's main thread has waited for a processor so far: what others took, not what it did. */
export const waitedForProcessor = (pid: number): number => {
  try {
    const [, waited] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ");
    return Number(waited) / 1e6;
  } catch {
    return 0;
  }
};

/** A zombie has ended, too. */
export const isAlive = (pid: number): boolean => {
  const stat = statOf(pid);
  return stat !== null && stat.state !== "Z" && stat.state !== "X";
};
