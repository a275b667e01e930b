import { execFile, execFileSync } from "node:child_process";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Engine, Launch } from "./engine.ts";
import { freePorts } from "./ports.ts";
import { runProgram } from "./processes.ts";
import { initdb, pathOf, postgresServer, psql } from "./tools.ts";

const user = "millrace";
const password = "millrace-secret";

export const postgres: Engine = {
  name: "postgres",
  summary: "PostgreSQL of this machine",
  needs: [initdb, postgresServer, psql],
  async fetch() {},
  async prepare(folder) {
    const [port] = await freePorts(1);
    const as = unprivileged();
    if (as !== undefined) chownSync(folder, as.uid, as.gid);
    makeCluster(folder, as);
    const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories="];
    return {
      argv: [pathOf(postgresServer), "-D", join(folder, "data"), ...settings.flatMap((setting) => ["-c", setting])],
      folder,
      as,
      variables: { POSTGRES_URL: `postgres://${user}:${password}@127.0.0.1:${port}/postgres` },
    };
  },
  async probe({ variables }) {
    const args = ["--no-psqlrc", "--quiet", "--command", "SELECT 1", variables.POSTGRES_URL];
    await promisify(execFile)(pathOf(psql), args, { timeout: 5000 });
  },
};

const makeCluster = (folder: string, as: Launch["as"]): void => {
  const secret = join(folder, "password");
  writeFileSync(secret, password);
  const args = ["-D", join(folder, "data"), "-U", user, "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--no-sync"];
  runProgram({ argv: [pathOf(initdb), ...args, `--pwfile=${secret}`], folder, as });
  rmSync(secret);
};

/** PostgreSQL refuses to run as root: Debian's package brings the user postgres. */
const unprivileged = (): Launch["as"] => {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
};
