import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { MillraceError } from "../../schemas/errors.ts";
import { cacheFolder } from "./home.ts";
import { maven, pathOf } from "./tools.ts";

/** What an engine runs from: a pom's dependencies as jars, or one archive unpacked. */
export type Download = { name: string } & ({ dependencies: string } | { archive: string });

export const downloaded = ({ name }: Download): string => join(cacheFolder(), name);

/** Does nothing where it is there; else maven brings it, all or nothing. ENGINE_UNAVAILABLE tells maven's words. */
export const download = async (wanted: Download, announce: () => void): Promise<void> => {
  const target = downloaded(wanted);
  if (existsSync(target)) return;
  announce();
  mkdirSync(dirname(target), { recursive: true });
  const partial = mkdtempSync(`${target}.partial-`);
  try {
    const out = join(partial, "out");
    writeFileSync(join(partial, "pom.xml"), pom("dependencies" in wanted ? wanted.dependencies : ""));
    await run(partial, wanted.name, [
      ...("archive" in wanted
        ? ["dependency:unpack", `-Dartifact=${wanted.archive}`]
        : ["dependency:copy-dependencies"]),
      `-DoutputDirectory=${out}`,
    ]);
    renameUnlessThere(out, target);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
};

/** Another process may have brought it in the meantime. */
const renameUnlessThere = (from: string, to: string): void => {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
};

const run = async (cwd: string, name: string, args: readonly string[]): Promise<void> => {
  try {
    await promisify(execFile)(pathOf(maven), ["-q", "-B", ...args], { cwd, timeout: 900_000 });
  } catch (cause) {
    const told = `${(cause as { stdout?: string }).stdout ?? ""}`.split("\n").find((line) => line.includes("[ERROR]"));
    throw new MillraceError(
      "ENGINE_UNAVAILABLE",
      `maven could not download ${name}: ${told ?? (cause as Error).message}; see that Maven Central can be reached`,
      { cause },
    );
  }
};

const pom = (dependencies: string): string => `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId>
  <artifactId>engine</artifactId>
  <version>1</version>
  <dependencies>${dependencies}</dependencies>
</project>
`;
