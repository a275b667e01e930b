import { cpSync } from "node:fs";

/** Copies a folder as `cp -a` does: links of the warehouse are relative, and must point into the copy. */
export const copyFolder = (from: string, to: string): void =>
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
