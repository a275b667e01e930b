import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync, truncateSync } from "node:fs";

/**
 * SQLite's write-ahead log as a power cut may leave it (https://www.sqlite.org/walformat.html). Frames after the last
 * one that was synced may be gone. Synced are all that a checkpoint has begun to copy into the file, and all that stood
 * there when a command was acknowledged.
 */
export type WalPlace = { salt: string; frames: number };

const walHeader = 32;
const frameHeader = 24;

/** How far the log is written now, from the index that its processes share. */
export const walPlace = (database: string): WalPlace => {
  const index = `${database}-shm`;
  if (!existsSync(index) || statSync(index).size < 136) return { salt: "", frames: 0 };
  const bytes = readFileSync(index).subarray(0, 136);
  return { salt: bytes.toString("hex", 32, 40), frames: bytes.readUInt32LE(16) };
};

/** Frames that a checkpoint has copied, or begun to copy. */
const checkpointed = (database: string): number => {
  const bytes = readFileSync(`${database}-shm`).subarray(0, 136);
  return Math.max(bytes.readUInt32LE(96), bytes.readUInt32LE(128));
};

const pageSize = (database: string): number => {
  const file = openSync(`${database}-wal`, "r");
  try {
    const header = Buffer.alloc(walHeader);
    readSync(file, header, 0, walHeader, 0);
    return header.readUInt32BE(8);
  } finally {
    closeSync(file);
  }
};

/**
 * Cuts the log of a database that no process has open, at a place that `share` picks between what was certainly synced
 * and its end. Answers how many frames were lost of how many that could be.
 */
export const cutPower = (database: string, synced: WalPlace, share: number): { lost: number; of: number } => {
  const end = walPlace(database);
  if (end.frames === 0) return { lost: 0, of: 0 };
  // A log that was begun anew since then has been copied and synced up to there.
  const least = Math.max(checkpointed(database), synced.salt === end.salt ? synced.frames : 0);
  const kept = least + Math.floor(share * (end.frames - least));
  truncateSync(`${database}-wal`, walHeader + kept * (frameHeader + pageSize(database)));
  rmSync(`${database}-shm`);
  return { lost: end.frames - kept, of: end.frames - least };
};
