import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { MillraceError } from "../../schemas/errors.ts";

/** A program that an engine cannot do without, and Debian's package of it. */
export type Tool = { name: string; debian: string; find(): string | undefined };

const isProgram = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const onPath = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isProgram);

const javaHome = (): string | undefined => {
  const file = join(process.env.JAVA_HOME ?? "", "bin", "java");
  return process.env.JAVA_HOME && isProgram(file) ? file : undefined;
};

/** Debian keeps the server's programs off the PATH, a folder a version. */
const postgresProgram = (name: string): string | undefined => {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, "bin", name)).find(isProgram) ?? onPath(name);
};

export const java: Tool = {
  name: "java",
  debian: "default-jre-headless",
  find: () => javaHome() ?? onPath("java"),
};
export const maven: Tool = { name: "mvn", debian: "maven", find: () => onPath("mvn") };
export const redisServer: Tool = { name: "redis-server", debian: "redis-server", find: () => onPath("redis-server") };
export const initdb: Tool = { name: "initdb", debian: "postgresql", find: () => postgresProgram("initdb") };
export const postgresServer: Tool = { name: "postgres", debian: "postgresql", find: () => postgresProgram("postgres") };
export const psql: Tool = { name: "psql", debian: "postgresql", find: () => postgresProgram("psql") };

/** The program's path. ENGINE_UNAVAILABLE says what to install. */
export const pathOf = (tool: Tool): string => {
  const path = tool.find();
  if (path !== undefined) return path;
  throw new MillraceError("ENGINE_UNAVAILABLE", missing([tool]));
};

export const missing = (tools: readonly Tool[]): string => {
  const packages = [...new Set(tools.map(({ debian }) => debian))].join(" ");
  const names = tools.map(({ name }) => name).join(", ");
  return `not found: ${names}; install it (Debian: apt-get install ${packages}; as root also: up --install)`;
};

/** Debian's packages of these tools, by apt-get, which says what it does on stderr. */
export const install = (tools: readonly Tool[]): void => {
  const packages = [...new Set(tools.map(({ debian }) => debian))];
  const options = {
    stdio: ["ignore", 2, 2] as ["ignore", number, number],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
  };
  try {
    execFileSync("apt-get", ["update", "-qq"], options);
    execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], options);
  } catch (cause) {
    throw new MillraceError(
      "ENGINE_UNAVAILABLE",
      `apt-get could not install ${packages.join(" ")}: this needs Debian and root; install it by hand`,
      { cause },
    );
  }
};
