import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { GetObjectCommand, HeadBucketCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { checkDigest, mismatch, verifying } from "./hashing.ts";
import type { ArtifactInfo, Artifacts } from "./port.ts";
import { s3Error, statusOf } from "./s3-errors.ts";
import { type Spooled, spool } from "./s3-spool.ts";
import { type S3Setting, s3Setting } from "./s3-url.ts";

/** What is sent at once, and held in memory so many times. S3 takes 10,000 parts of 5 MiB at least. */
const partBytes = 8 << 20;
const partsAtOnce = 2;
const mostParts = 10_000;
const longestPresignSeconds = 604_800;

/**
 * Artifacts as objects of a bucket, `<prefix>/<first 2 hex digits>/<digest>`: the layout of the folder, so that one
 * can be copied to the other. See `s3Setting` for the URL. Resolves when the bucket has answered: ENGINE_REFUSED for
 * wrong credentials or no bucket, ENGINE_UNAVAILABLE where there is no S3.
 *
 * A stream is spooled to a temporary file first, since its name is its digest; then it is sent in one request or as a
 * multipart upload, both of which S3 shows as a whole or not at all. The parts of an upload that the process did not
 * live to abort are the bucket's to expire (a lifecycle rule for incomplete multipart uploads).
 */
export const s3Artifacts = async (url: string): Promise<Artifacts> => {
  const setting = s3Setting(url);
  const { bucket, prefix } = setting;
  const client = clientOf(setting);
  const where = `${setting.endpoint ?? "AWS"}, bucket ${bucket}`;
  const fail = (error: unknown): never => {
    throw s3Error(error, where);
  };
  const placeOf = (digest: string) => {
    checkDigest(digest);
    return { Bucket: bucket, Key: `${prefix}${digest.slice(0, 2)}/${digest}` };
  };
  let closed = false;
  const checkOpen = (): void => {
    if (closed) throw new MillraceError("CLOSED", "the artifact store is closed");
  };

  const stat = async (digest: string): Promise<ArtifactInfo | null> => {
    try {
      const { ContentLength } = await client.send(new HeadObjectCommand(placeOf(digest)));
      return { digest, size: ContentLength ?? 0 };
    } catch (error) {
      return statusOf(error) === 404 ? null : fail(error);
    }
  };

  const get = async (digest: string): Promise<Readable> => {
    const { Body } = await client.send(new GetObjectCommand(placeOf(digest))).catch((error): never => {
      if ((error as Error).name !== "NoSuchKey") return fail(error);
      throw new MillraceError("NOT_FOUND", `there is no artifact ${digest}`, { details: { digest } });
    });
    const body = Body as Readable;
    const checked = verifying(digest);
    body.on("error", (error) => checked.destroy(s3Error(error, where)));
    checked.on("close", () => body.destroy());
    return body.pipe(checked);
  };

  const isWhole = async ({ digest, size }: ArtifactInfo): Promise<boolean> => {
    try {
      let read = 0;
      for await (const chunk of await get(digest)) read += (chunk as Buffer).length;
      return read === size;
    } catch (error) {
      if (isMillraceError(error, "CORRUPT_ARTIFACT")) return false;
      throw error;
    }
  };

  const send = ({ digest, size, body }: Spooled, onlyIfAbsent: boolean): Promise<unknown> =>
    new Upload({
      client,
      queueSize: partsAtOnce,
      partSize: Math.max(partBytes, Math.ceil(size / mostParts)),
      params: {
        ...placeOf(digest),
        Body: body(),
        ContentLength: size,
        ContentType: "application/octet-stream",
        ServerSideEncryption: setting.encryption?.algorithm,
        SSEKMSKeyId: setting.encryption?.key,
        IfNoneMatch: onlyIfAbsent ? "*" : undefined,
      },
    }).done();

  /** What is there already is read instead of sent: it stays as it is unless it is corrupt. */
  const store = async (spooled: Spooled): Promise<void> => {
    const isThere = (await stat(spooled.digest)) !== null;
    if (isThere && (await isWhole(spooled))) return;
    try {
      await send(spooled, !isThere);
    } catch (error) {
      const status = statusOf(error);
      // Another writer of the same bytes was faster.
      if (status === 412) return;
      // The other is not done yet, or the server knows no conditions.
      if (status !== 409 && status !== 501) throw error;
      await send(spooled, false);
    }
  };

  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error) => {
    client.destroy();
    fail(error);
  });

  return {
    async put(bytes, expected) {
      if (expected !== undefined) checkDigest(expected);
      checkOpen();
      const spooled = await spool(bytes);
      try {
        const { digest, size } = spooled;
        if (expected !== undefined && digest !== expected) throw mismatch(expected, digest);
        await store(spooled).catch(fail);
        return { digest, size };
      } finally {
        await spooled.remove();
      }
    },
    async get(digest) {
      checkDigest(digest);
      checkOpen();
      return get(digest);
    },
    async read(digest) {
      checkDigest(digest);
      checkOpen();
      return buffer(await get(digest));
    },
    async stat(digest) {
      checkDigest(digest);
      checkOpen();
      return stat(digest);
    },
    async presign(digest, { expiresInSeconds }) {
      checkOpen();
      if (!Number.isInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > longestPresignSeconds) {
        const message = `expiresInSeconds: expected a whole number from 1 to ${longestPresignSeconds}, got ${expiresInSeconds}`;
        throw new MillraceError("BAD_REQUEST", message);
      }
      return getSignedUrl(client, new GetObjectCommand(placeOf(digest)), { expiresIn: expiresInSeconds }).catch(fail);
    },
    async close() {
      closed = true;
      client.destroy();
    },
  };
};

/** Checksums only where S3 demands them: servers other than AWS's refuse the newer ones. */
const clientOf = ({ credentials, region, endpoint, pathStyle, timeoutMs }: S3Setting): S3Client =>
  new S3Client({
    credentials,
    region: region ?? (endpoint === undefined ? undefined : "us-east-1"),
    endpoint,
    forcePathStyle: pathStyle,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: Math.min(timeoutMs, 5000), socketTimeout: timeoutMs },
  });
