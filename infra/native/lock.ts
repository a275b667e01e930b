import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { enginesHome } from "./home.ts";

/** Runs `work` while no other process starts or stops the same engine; a lock of a process that died is taken over. */
export const withLock = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  mkdirSync(enginesHome(), { recursive: true });
  const file = join(enginesHome(), `${name}.lock`);
  while (!take(file)) await after(100);
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
};

const take = (file: string): boolean => {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    if (holderDied(file)) rmSync(file, { force: true });
    return false;
  }
};

const holderDied = (file: string): boolean => {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
};
