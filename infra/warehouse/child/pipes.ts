import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { MillraceError } from "../../../schemas/errors.ts";

/** A named pipe that the engine writes rows into while they are read. */
export type Pipe = {
  path: string;
  /** Ends when the writer has closed and `finish` was called. Destroying it makes the writer fail. */
  rows: Readable;
  /** The engine writes no more. */
  finish(): void;
  /** Somebody else may have it, once the engine has finished. */
  free(): void;
};

export type Pipes = { take(): Pipe };

/**
 * Named pipes in a folder, one for each statement that answers at the same time. A pipe holds 64 KiB: the engine waits
 * until the reader has taken them, so that a result of any size takes no memory, in every format that there is.
 * (chDB's own streaming interface answers each block as a document of its own, header and footer included, takes SELECT
 * alone, and analyses the query on the calling thread.)
 */
export const openPipes = (folder: string, count: number): Pipes => {
  const free = Array.from({ length: count }, (_, i) => join(folder, `${i}.pipe`));
  try {
    execFileSync("mkfifo", ["-m", "600", ...free], { stdio: "pipe" });
  } catch (cause) {
    throw new MillraceError("WAREHOUSE_FAILED", "The embedded warehouse cannot make named pipes in its folder", {
      cause,
    });
  }
  return {
    take: () => {
      const path = free.pop();
      if (path === undefined) throw new Error("more statements answer than lanes let run");
      return { ...open(path), free: () => void free.push(path) };
    },
  };
};

const open = (path: string): Omit<Pipe, "free"> => {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const rows = new Socket({ fd: openSync(path, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
  // Without a writer of ours there would be an end before the engine's first byte, and none where it never writes.
  let writer: number | null = openSync(path, O_WRONLY | O_NONBLOCK);
  return {
    path,
    rows,
    finish: () => {
      if (writer !== null) closeSync(writer);
      writer = null;
    },
  };
};
