import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100;

/** `[parent, seconds of processor time]` of a process; null when it has ended. */
const statOf = (pid: string): { parent: number; seconds: number } | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond };
  } catch {
    return null;
  }
};

/** Seconds of processor time of this process, all its threads, and where the system tells (Linux) its children. */
export const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  let seconds = (user + system) / 1e6;
  const pids = process.platform === "linux" ? readdirSync("/proc").filter((name) => /^\d+$/.test(name)) : [];
  for (const pid of pids) {
    const stat = statOf(pid);
    if (stat?.parent === process.pid) seconds += stat.seconds;
  }
  return seconds;
};
