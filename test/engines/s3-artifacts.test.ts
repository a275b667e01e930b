import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { after, describe, it, type TestContext } from "node:test";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import type { Artifacts } from "../../infra/artifacts/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { artifactsContract } from "../contracts/artifacts.contract.ts";
import { breakableWay } from "./s3-proxy.ts";

const given = process.env.S3_URL ?? "";
const skip = given === "" ? "S3_URL is not set: npm run test:engines" : false;
const [, key, secret, bucket, , query] = /^s3:\/\/([^:]*):([^@]*)@([^/?]+)(\/[^?]*)?\??(.*)$/.exec(given) ?? [];
const parameters = new URLSearchParams(query);
const endpoint = parameters.get("endpoint") ?? "";

type Changes = { key?: string; secret?: string; bucket?: string; prefix?: string; endpoint?: string };

/** The URL of the S3 under test with some parts changed. */
const urlWith = (changes: Changes): string => {
  const { key: k = key, secret: s = secret, bucket: b = bucket, prefix = "", endpoint: at = endpoint } = changes;
  const all = new URLSearchParams({ ...Object.fromEntries(parameters), endpoint: at });
  return `s3://${k}:${s}@${b}/${prefix}?${all}`;
};

const directory = mkdtempSync(join(tmpdir(), "millrace-s3-"));
process.env.TMPDIR = directory;
after(() => rmSync(directory, { recursive: true, force: true }));
const temporaryFiles = (): string[] => readdirSync(directory, { recursive: true }) as string[];

describe("artifacts in S3", { skip }, () => {
  const prefix = `test-${randomUUID()}`;
  const client = new S3Client({
    endpoint,
    region: parameters.get("region") ?? "us-east-1",
    forcePathStyle: parameters.get("path-style") === "true",
    credentials: { accessKeyId: decodeURIComponent(key ?? ""), secretAccessKey: decodeURIComponent(secret ?? "") },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
  const keys = async (): Promise<string[]> => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
    return Contents.map(({ Key }) => Key as string);
  };
  const opened = async (t: TestContext, changes: Changes = {}): Promise<Artifacts> => {
    const artifacts = await openArtifacts(urlWith({ prefix, ...changes }));
    t.after(() => artifacts.close());
    return artifacts;
  };
  after(async () => {
    const Objects = (await keys()).map((Key) => ({ Key }));
    if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    client.destroy();
  });

  artifactsContract("s3", {
    open: () => openArtifacts(urlWith({ prefix })),
    corrupt: async (digest) => {
      const place = { Bucket: bucket, Key: `${prefix}/${digest.slice(0, 2)}/${digest}` };
      const { Body } = await client.send(new GetObjectCommand(place));
      const bytes = await buffer(Body as Readable);
      bytes[bytes.length >> 1] ^= 1;
      await client.send(new PutObjectCommand({ ...place, Body: bytes }));
    },
  });

  it("says ENGINE_REFUSED at open, and names no secret", async () => {
    const wrong: Changes[] = [
      { secret: "not-the-secret" },
      { key: "nobody", secret: "not-the-secret" },
      { bucket: "no-such-bucket" },
    ];
    for (const changes of wrong) {
      await assert.rejects(openArtifacts(urlWith(changes)), (error) => {
        assert.ok(isMillraceError(error, "ENGINE_REFUSED"), String(error));
        assert.doesNotMatch(`${error.stack} ${JSON.stringify([error.details, error.cause])}`, /not-the-secret/);
        assert.ok(error.message.includes(changes.bucket ?? bucket));
        return true;
      });
    }
  });

  it("says ENGINE_UNAVAILABLE where there is no S3", async () => {
    const way = await breakableWay(endpoint);
    way.breakOff();
    await assert.rejects(openArtifacts(urlWith({ endpoint: way.endpoint })), {
      code: "ENGINE_UNAVAILABLE",
      message: /ECONNREFUSED/,
    });
  });

  it("keeps nothing of a put during which S3 goes away", async (t) => {
    const way = await breakableWay(endpoint);
    t.after(() => way.breakOff());
    const artifacts = await opened(t, { endpoint: way.endpoint });
    const before = await keys();
    way.breakAfter(20_000_000);
    const chunks = Array.from({ length: 30 }, () => randomBytes(1_000_000));
    await assert.rejects(artifacts.put(Readable.from(chunks)), { code: "ENGINE_UNAVAILABLE" });
    assert.deepEqual(await keys(), before);
    assert.deepEqual(temporaryFiles(), []);
    const again = await opened(t);
    const { digest } = await again.put(Readable.from(chunks));
    assert.equal((await again.read(digest)).equals(Buffer.concat(chunks)), true);
  });

  it("ends a get during which S3 goes away in ENGINE_UNAVAILABLE", async (t) => {
    const way = await breakableWay(endpoint);
    t.after(() => way.breakOff());
    const artifacts = await opened(t, { endpoint: way.endpoint });
    const { digest } = await artifacts.put(randomBytes(12_000_000));
    const reading = await artifacts.get(digest);
    await assert.rejects(
      async () => {
        for await (const chunk of reading) if (chunk.length > 0) way.breakOff();
      },
      { code: "ENGINE_UNAVAILABLE" },
    );
  });
});

describe("artifacts in an S3 of the test's own", () => {
  type Asked = { method?: string; url: string; headers: NodeJS.Dict<string | string[]> };
  const uploadId = "<InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>";

  /** A server that has nothing, answers puts with a status, and notes what was asked. */
  const recorder = async (t: TestContext, refuse: (asked: Asked) => number) => {
    const all: Asked[] = [];
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        const { method, url = "", headers } = request;
        const asked = { method, url, headers };
        all.push(asked);
        const isHeadOfObject = method === "HEAD" && url.includes("/bucket/p/");
        const status = method === "PUT" ? refuse(asked) : isHeadOfObject ? 404 : 200;
        response.writeHead(status, { etag: '"x"' }).end(url.includes("?uploads") ? uploadId : "");
      });
    }).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const url = `s3://k:s@bucket/p?endpoint=${at}&path-style=true&sse=aws:kms&kms-key=mine`;
    const artifacts = await openArtifacts(url);
    t.after(() => artifacts.close());
    return {
      artifacts,
      url,
      all,
      puts: () => all.filter(({ method }) => method === "PUT").map(({ headers }) => headers),
    };
  };

  it("puts on the condition that nothing is there, encrypted as set", async (t) => {
    const { artifacts, puts } = await recorder(t, () => 200);
    await artifacts.put(Buffer.from("x"));
    assert.equal(puts().length, 1);
    assert.equal(puts()[0]["if-none-match"], "*");
    assert.equal(puts()[0]["x-amz-server-side-encryption"], "aws:kms");
    assert.equal(puts()[0]["x-amz-server-side-encryption-aws-kms-key-id"], "mine");
  });

  it("puts without a condition where the server knows none, and takes another's put for its own", async (t) => {
    const knowsNone = await recorder(t, ({ headers }) => (headers["if-none-match"] === undefined ? 200 : 501));
    await knowsNone.artifacts.put(Buffer.from("x"));
    assert.equal(knowsNone.puts().at(-1)?.["if-none-match"], undefined);
    const late = await recorder(t, () => 412);
    await late.artifacts.put(Buffer.from("x"));
    assert.equal(late.puts().length, 1);
  });

  it("aborts an upload of parts when one is refused", async (t) => {
    const { artifacts, all } = await recorder(t, ({ url }) => (url.includes("partNumber=2") ? 403 : 200));
    await assert.rejects(artifacts.put(Readable.from([randomBytes(20_000_000)])), { code: "ENGINE_REFUSED" });
    const aborts = all.filter(({ method, url }) => method === "DELETE" && url.includes("uploadId=one"));
    assert.equal(aborts.length, 1);
    assert.deepEqual(temporaryFiles(), []);
  });

  it("says STORAGE_FULL when there is no room for the temporary file, and keeps none", async (t) => {
    const { url, puts } = await recorder(t, () => 200);
    const module = new URL("../../infra/artifacts/open.ts", import.meta.url).href;
    const script = `
      const { Readable } = await import("node:stream");
      const { openArtifacts } = await import(${JSON.stringify(module)});
      const artifacts = await openArtifacts(${JSON.stringify(url)});
      console.log(await artifacts.put(Readable.from([Buffer.alloc(4_000_000)])).catch((error) => error.code));
      await artifacts.close();
    `;
    // The limit of a file's size stands in for a full disk; the signal that comes with it is ignored.
    const limited = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 1000; exec "$0" --input-type=module -e "$1"`;
    const child = spawn("sh", ["-c", limited, process.execPath, script], { stdio: ["ignore", "pipe", "inherit"] });
    assert.equal((await text(child.stdout)).trim(), "STORAGE_FULL");
    assert.deepEqual(puts(), []);
    assert.deepEqual(temporaryFiles(), []);
  });

  it("says STORAGE_FULL of a full server", async (t) => {
    const { artifacts } = await recorder(t, () => 507);
    await assert.rejects(artifacts.put(Buffer.from("x")), { code: "STORAGE_FULL" });
  });
});

describe("URL of artifacts in S3", () => {
  it("is refused without being repeated when it is not understood", async () => {
    const wrong = [
      "s3://",
      "s3://k:hidden@",
      "s3://k:hid/den@b",
      "s3://hidden@b",
      "s3://k:hid%den@b",
      "s3://k:hidden@b?color=red",
      "s3://k:hidden@b?sse=ROT13",
      "s3://k:hidden@b?kms-key=x",
      "s3://k:hidden@b?path-style=maybe",
      "s3://k:hidden@b?endpoint=localhost:9000",
      "s3://k@b?endpoint=http://k:hidden@h",
      "s3://k:hidden@b?timeout=soon",
    ];
    for (const one of wrong) {
      await assert.rejects(openArtifacts(one), (error) => {
        assert.ok(isMillraceError(error, "INVALID_SETTING"), `${one}: ${error}`);
        assert.match(error.message, /^ARTIFACTS: /);
        assert.doesNotMatch(error.message + JSON.stringify(error.details), /hidden|hid.den/);
        return true;
      });
    }
  });
});
