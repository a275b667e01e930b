import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { type Readable, Transform } from "node:stream";
import { MillraceError } from "../../schemas/errors.ts";
import type { ArtifactInfo } from "./port.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** BAD_REQUEST unless it is a SHA-256 in lower-case hex. */
export const checkDigest = (digest: string): void => {
  if (/^[0-9a-f]{64}$/.test(digest)) return;
  throw new MillraceError("BAD_REQUEST", `"${digest}" is not a SHA-256 in lower-case hex`);
};

/** Writes all bytes to the file, and says what they are. */
export const writeHashed = async (file: FileHandle, bytes: Readable | Uint8Array): Promise<ArtifactInfo> => {
  const hash = createHash("sha256");
  let size = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    hash.update(chunk);
    size += chunk.length;
    await file.appendFile(chunk);
  };
  if (bytes instanceof Uint8Array) await write(bytes);
  else for await (const chunk of bytes) await write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return { digest: hash.digest("hex"), size };
};

/** Holds the last chunk back until all is checked: a reader that counts bytes must not have them all before the error. */
export const verifying = (digest: string): Transform => {
  const hash = createHash("sha256");
  let held: Buffer | null = null;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      if (held !== null) this.push(held);
      held = chunk;
      done();
    },
    flush(done) {
      const actual = hash.digest("hex");
      if (actual === digest) done(null, held);
      else done(corrupt(digest, actual));
    },
  });
};

/** Of bytes that were to be put. */
export const mismatch = (expected: string, actual: string): MillraceError =>
  new MillraceError("DIGEST_MISMATCH", `the bytes have the digest ${actual}, expected ${expected}`, {
    details: { expected, actual },
  });

export const corrupt = (expected: string, actual: string): MillraceError =>
  new MillraceError(
    "CORRUPT_ARTIFACT",
    `the bytes of artifact ${expected} have the digest ${actual}: restore it from a copy, or put it again`,
    { details: { expected, actual } },
  );
