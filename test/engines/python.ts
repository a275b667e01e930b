import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "millrace-python");

const succeeds = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore", timeout: 900_000 }).status === 0;

/** A Python that has these requirements, made once for each text of them; otherwise why there is none. */
export const pythonWith = (requirements: string): { path: string } | { missing: string } => {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 16);
  const venv = join(cache, wanted);
  const path = join(venv, "bin/python");
  if (existsSync(path)) return { path };
  if (!succeeds("python3", ["--version"])) return { missing: "needs python3" };
  const building = `${venv}.${process.pid}`;
  try {
    mkdirSync(cache, { recursive: true });
    if (!succeeds("python3", ["-m", "venv", building])) return { missing: "python3 -m venv fails" };
    if (!succeeds(join(building, "bin/python"), ["-m", "pip", "install", "--quiet", "-r", requirements])) {
      return { missing: `pip cannot install ${requirements}` };
    }
    renameSync(building, venv);
    return { path };
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
};
