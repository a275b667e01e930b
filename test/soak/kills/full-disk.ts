import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../e2e/platform.ts";
import { copyFolder } from "./copy.ts";
import type { Kind } from "./kind.ts";
import { isReady, untilReady } from "./life.ts";
import { moment } from "./moment.ts";
import { busy, ended, killed } from "./world.ts";

const sizeMb = 512;
const fullMs = 3_000;
/** docs/operations.md says 9 seconds; the machine of a soak is busy. */
const noticedWithinMs = 15_000;
const block = Buffer.alloc(1 << 20);

/** Fills a file system to its last byte; answers the file that does it. */
const fill = (folder: string): string => {
  const path = join(folder, "filler");
  const file = openSync(path, "w");
  try {
    for (let size = block.length; size > 0; ) {
      try {
        writeSync(file, block, 0, size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        size >>= 1;
      }
    }
    return path;
  } finally {
    closeSync(file);
  }
};

/** A file system of its own size in memory; null where this user may not mount one. */
const mountVolume = (): string | null => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-volume-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMb}m`, "tmpfs", folder]).status === 0) {
    mounted.add(folder);
    return folder;
  }
  rmSync(folder, { recursive: true });
  return null;
};

const mounted = new Set<string>();
process.on("exit", () => mounted.forEach(unmountVolume));

const unmountVolume = (folder: string): void => {
  mounted.delete(folder);
  // A child that was killed may hold it for a moment longer: the system lets go of it then.
  spawnSync("umount", ["--lazy", folder]);
  rmSync(folder, { recursive: true, force: true });
};

/** The disk is full for some seconds under load; then there is room again. */
export const fullDisk: Kind["disturb"] = async ({ world, random, note }) => {
  const volume = mountVolume();
  if (volume === null) {
    note("skipped: this user may not mount a file system");
    return [];
  }
  const home = world.data;
  const findings = await ended(world);
  world.data = join(volume, "data");
  try {
    copyFolder(home, world.data);
    const { life, refusals, rest } = await busy(world);
    await moment(random() * 1000);
    const filler = fill(volume);
    await moment(fullMs);
    await until("/health/ready names the disk", noticedWithinMs, async () => !(await isReady(life.url))).catch(() =>
      findings.push(`/health/ready says 200 after ${(fullMs + noticedWithinMs) / 1000} s on a full disk`),
    );
    unlinkSync(filler);
    await untilReady(life.url, life);
    await moment(1000);
    await rest();
    findings.push(...refusals, ...(await ended(world)));
    return findings;
  } finally {
    await killed(world);
    rmSync(home, { recursive: true });
    copyFolder(world.data, home);
    world.data = home;
    unmountVolume(volume);
  }
};
