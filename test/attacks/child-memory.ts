import { readdirSync, readFileSync } from "node:fs";

const fieldOf = (path: string, field: string): number => {
  try {
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(path, "utf8"))?.[1] ?? 0);
  } catch {
    // It has ended meanwhile.
    return 0;
  }
};

/** The largest of this process's children, in megabytes: the embedded warehouse. 0 where the system does not tell. */
const largest = (): number => {
  if (process.platform !== "linux") return 0;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const children = pids.filter((pid) => fieldOf(`/proc/${pid}/status`, "PPid") === process.pid);
  return Math.max(0, ...children.map((pid) => fieldOf(`/proc/${pid}/status`, "VmRSS") / 1024));
};

/** By how many megabytes the warehouse's child has grown at most since now. It is looked at until it is asked. */
export const childMemory = (): { grown(): number } => {
  const before = largest();
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, largest());
  }, 50);
  return {
    grown() {
      clearInterval(looking);
      return Math.round(Math.max(most, largest()) - before);
    },
  };
};
