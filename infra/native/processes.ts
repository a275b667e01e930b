import { execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";
import type { Launch } from "./engine.ts";

/** A process and when it began: a pid alone may by now be somebody else's. */
export type ProcessId = { pid: number; began: string };

const pollMs = 50;
const termMs = 20_000;

/** Runs on after this process ends; its output goes to `log`. */
export const startProcess = async ({ argv: [command, ...args], folder, as }: Launch, log: string) => {
  const output = openSync(log, "a");
  try {
    const child = spawn(command, args, { cwd: folder, detached: true, stdio: ["ignore", output, output], ...as });
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, began: beganAt(pid) ?? "" };
  } finally {
    closeSync(output);
  }
};

/** Runs a program to its end. ENGINE_UNAVAILABLE tells what it said, not its arguments: they may hold a password. */
export const runProgram = ({ argv: [command, ...args], folder, as }: Omit<Launch, "variables">): void => {
  const { status, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: "utf8", ...as });
  if (status === 0) return;
  const told = (error?.message ?? stderr).trim().split("\n").slice(-5).join("\n");
  throw new MillraceError("ENGINE_UNAVAILABLE", `${basename(command)} failed: ${told}`, { cause: error });
};

export const isRunning = ({ pid, began }: ProcessId): boolean => began !== "" && beganAt(pid) === began;

/** SIGTERM, and SIGKILL for one that does not end by that within 20 seconds. */
export const stopProcess = async (id: ProcessId): Promise<void> => {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!isRunning(id)) return;
    process.kill(id.pid, signal);
    const deadline = Date.now() + termMs;
    while (isRunning(id) && Date.now() < deadline) await after(pollMs);
  }
};

/** Undefined for a process that is gone, or has ended and waits for its parent to notice. */
const beganAt = (pid: number): string | undefined => {
  try {
    return existsSync("/proc/self/stat") ? beganByProc(pid) : beganByPs(pid);
  } catch {
    return undefined;
  }
};

/** proc_pid_stat(5): the fields after the command's name, which may itself hold spaces and brackets. */
const beganByProc = (pid: number): string | undefined => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields[19];
};

const beganByPs = (pid: number): string | undefined => {
  const text = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  const [stat, ...began] = text.split(/\s+/);
  return stat.startsWith("Z") ? undefined : began.join(" ");
};
