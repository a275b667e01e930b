import { fileURLToPath } from "node:url";
import { MillraceError } from "../../schemas/errors.ts";
import { ensureDirectory } from "../directory.ts";
import { engineOf } from "../engine-url.ts";
import { folderArtifacts } from "./folder.ts";
import type { Artifacts } from "./port.ts";
import { s3Artifacts } from "./s3.ts";

/** The folder of a `file:` URL. INVALID_SETTING. */
export const folderOf = (url: string): string => {
  if (/^file:\/\/\//i.test(url)) return fileURLToPath(url);
  const path = url.replace(/^file:/i, "");
  if (path !== "") return path;
  throw new MillraceError("INVALID_SETTING", `ARTIFACTS: "${url}" names no folder: use a URL such as file:./artifacts`);
};

const adapters = new Map([
  [
    "file",
    async (url: string): Promise<Artifacts> => {
      const folder = folderOf(url);
      ensureDirectory(folder);
      return folderArtifacts(folder);
    },
  ],
  ["s3", s3Artifacts],
]);

/** The scheme of the URL picks the adapter: `file:<folder>` or `s3://<bucket>`. INVALID_SETTING for any other. */
export const openArtifacts = async (url: string): Promise<Artifacts> => engineOf("ARTIFACTS", url, adapters)(url);
