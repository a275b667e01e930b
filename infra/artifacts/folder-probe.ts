import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MillraceError } from "../../schemas/errors.ts";
import { isNoSpace, storageFull } from "../storage-full.ts";
import { folderOf } from "./open.ts";

const page = Buffer.alloc(16_384);

/** Asks whether the folder of artifacts takes a file; of artifacts elsewhere it asks nothing. STORAGE_FULL, DATA_UNUSABLE. */
export const probeFolder = (url: string): (() => Promise<void>) => {
  if (!/^file:/i.test(url)) return async () => {};
  const path = join(folderOf(url), `.readiness-${process.pid}`);
  return async () => {
    try {
      await writeFile(path, page, { flush: true, mode: 0o600 });
    } catch (error) {
      if (isNoSpace(error)) throw storageFull(error);
      throw new MillraceError("DATA_UNUSABLE", "the folder of artifacts takes no file", { cause: error });
    } finally {
      await rm(path, { force: true }).catch(() => {});
    }
  };
};
