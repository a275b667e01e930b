import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { isNoSpace, storageFull } from "../storage-full.ts";
import { sha256, writeHashed } from "./hashing.ts";
import type { ArtifactInfo } from "./port.ts";

export type Spooled = ArtifactInfo & {
  /** The bytes from their beginning, each time. */
  body(): Uint8Array | Readable;
  remove(): Promise<void>;
};

/**
 * Bytes whose digest, and with it whose name, is known: a stream's in a file of the folder for temporary files.
 * STORAGE_FULL when that has no room.
 */
export const spool = async (bytes: Readable | Uint8Array): Promise<Spooled> => {
  if (bytes instanceof Uint8Array) {
    return { digest: sha256(bytes), size: bytes.length, body: () => bytes, remove: async () => {} };
  }
  const directory = await mkdtemp(join(tmpdir(), "millrace-put-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const path = join(directory, "bytes");
  try {
    const file = await open(path, "wx");
    try {
      const info = await writeHashed(file, bytes);
      return { ...info, body: () => createReadStream(path), remove };
    } finally {
      await file.close();
    }
  } catch (error) {
    await remove();
    throw isNoSpace(error) ? storageFull(error) : error;
  }
};
