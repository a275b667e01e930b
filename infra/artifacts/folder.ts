import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { MillraceError } from "../../schemas/errors.ts";
import { isNoSpace, storageFull } from "../storage-full.ts";
import { checkDigest, corrupt, mismatch, sha256, verifying, writeHashed } from "./hashing.ts";
import type { ArtifactInfo, Artifacts } from "./port.ts";

/**
 * Artifacts as files of a folder, `<first 2 hex digits>/<digest>`. A file gets its name when all its bytes are on the
 * disk; what a crash leaves unfinished stays in `incoming/`, which is emptied when the folder is opened.
 */
export const folderArtifacts = (dir: string): Artifacts => {
  const incoming = join(dir, "incoming", String(process.pid));
  const pathOf = (digest: string): string => {
    checkDigest(digest);
    return join(dir, digest.slice(0, 2), digest);
  };
  const ready = emptyIncoming(dir).then(() => mkdir(incoming, { recursive: true }));
  // Whoever uses the folder first meets the failure.
  ready.catch(() => undefined);
  let closed = false;
  const checkOpen = async (): Promise<void> => {
    if (closed) throw new MillraceError("CLOSED", "the artifact store is closed");
    await ready.catch(fail);
  };

  const store = async (bytes: Readable | Uint8Array, expected: string | undefined): Promise<ArtifactInfo> => {
    const temporary = join(incoming, randomUUID());
    const file = await open(temporary, "wx");
    try {
      const info = await writeHashed(file, bytes);
      if (expected !== undefined && info.digest !== expected) throw mismatch(expected, info.digest);
      await file.sync();
      await file.close();
      await place(temporary, pathOf(info.digest));
      return info;
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(temporary, { force: true });
      throw error;
    }
  };

  return {
    async put(bytes, expected) {
      if (expected !== undefined) pathOf(expected);
      await checkOpen();
      return store(bytes, expected).catch(fail);
    },
    async get(digest) {
      const path = pathOf(digest);
      await checkOpen();
      await access(path).catch((error) => notThere(error, digest));
      const file = createReadStream(path);
      const checked = verifying(digest);
      file.on("error", (error) => checked.destroy(error));
      checked.on("close", () => file.destroy());
      return file.pipe(checked);
    },
    async read(digest) {
      const path = pathOf(digest);
      await checkOpen();
      const bytes = await readFile(path).catch((error) => notThere(error, digest));
      const actual = sha256(bytes);
      if (actual !== digest) throw corrupt(digest, actual);
      return bytes;
    },
    async stat(digest) {
      const path = pathOf(digest);
      await checkOpen();
      try {
        return { digest, size: (await stat(path)).size };
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },
    async close() {
      closed = true;
      await ready.catch(() => undefined);
    },
  };
};

/** Only what belonged to processes that are gone: another one may be writing. */
const emptyIncoming = async (dir: string): Promise<void> => {
  const names = await readdir(join(dir, "incoming")).catch(() => []);
  for (const name of names) {
    if (!isAlive(Number(name))) await rm(join(dir, "incoming", name), { recursive: true, force: true });
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** Over an older file of that name too: its bytes ought to be the same, and are again if they were not. */
const place = async (from: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  // The name, too, must be on the disk.
  const shard = await open(dirname(to), "r");
  try {
    await shard.sync();
  } finally {
    await shard.close();
  }
};

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

const notThere = (error: unknown, digest: string): never => {
  if (!isMissing(error)) throw error;
  throw new MillraceError("NOT_FOUND", `there is no artifact ${digest}`, { details: { digest }, cause: error });
};

const fail = (error: unknown): never => {
  throw isNoSpace(error) ? storageFull(error) : error;
};
