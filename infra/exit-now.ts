import { killChildren } from "./children.ts";

/**
 * Ends this process and its children at once, with this exit code, and whatever any thread does: an orderly
 * `process.exit` waits for threads to return from native code, which may be never. Replacing the process by a shell
 * that exits ends them all; only where that is not possible, the code is lost to SIGKILL's (137).
 */
export const exitNow = (code: number): never => {
  killChildren();
  try {
    process.execve?.("/bin/sh", ["sh", "-c", `exit ${code}`], {});
  } catch {
    // No such call on this system, or no shell.
  }
  process.kill(process.pid, "SIGKILL");
  return process.exit(code);
};
