import type { Readable } from "node:stream";

/**
 * Artifacts: immutable bytes, named by their SHA-256 (lower-case hex, 64 characters).
 *
 * Promises, held by every adapter and by `test/contracts/artifacts.contract.ts`:
 * - `put` streams with bounded memory, and either the whole object is there afterwards or nothing is.
 *   Putting the same bytes again is free of effect.
 * - `get` verifies the digest while streaming and ends in CORRUPT_ARTIFACT instead of a clean end on mismatch.
 * - NOT_FOUND for an unknown digest; STORAGE_FULL when there is no room.
 */
export type ArtifactInfo = { digest: string; size: number };

export type Artifacts = {
  /** With `expected`, the bytes must have that digest (DIGEST_MISMATCH, and nothing is kept). */
  put(bytes: Readable | Uint8Array, expected?: string): Promise<ArtifactInfo>;
  get(digest: string): Promise<Readable>;
  /** The whole object in memory, digest verified. For models and profiles, not for datasets. */
  read(digest: string): Promise<Buffer>;
  stat(digest: string): Promise<ArtifactInfo | null>;
  /**
   * A URL from which anybody can read the object for so many seconds, 1 to 604,800; whether there is one is not
   * checked, nor the digest of what is read. Absent where the engine has no such URLs.
   */
  presign?(digest: string, options: { expiresInSeconds: number }): Promise<string>;
  close(): Promise<void>;
};
