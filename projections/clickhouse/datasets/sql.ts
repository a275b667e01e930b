import type { DatasetFormat } from "../../../schemas/lifecycle/dataset.ts";

export const quoted = (text: string): string =>
  `'${text.replace(/[\\'\n\t\r\0]/g, (character) => escapes[character] as string)}'`;

const escapes: Record<string, string> = {
  "\\": "\\\\",
  "'": "\\'",
  "\n": "\\n",
  "\t": "\\t",
  "\r": "\\r",
  "\0": "\\0",
};

export const backquoted = (name: string): string => `\`${name.replace(/[\\`]/g, "\\$&")}\``;

/** Tables that were filled by rules which read a file otherwise are passed over. */
const readingRules = "r2";

/** The table of a file's rows, whichever datasets hold it. */
export const datasetTable = (digest: string, format: DatasetFormat): string =>
  `dataset_${digest.slice(0, 32)}_${readingRules}_${format}`;

/** Names of projects and datasets have no underscore, so that each has views of its own. */
export const datasetViewPrefix = (project: string): string => `dataset_${project}_`;

export const datasetView = (project: string, dataset: string, version: number): string =>
  `${datasetViewPrefix(project)}${dataset}_v${version}`;

/** Position of a row in its file, from 0: the order of every dataset's table. */
export const rowColumn = "_row";
