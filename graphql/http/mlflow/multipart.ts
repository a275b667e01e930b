import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { Readable } from "node:stream";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { z } from "zod";
import { MillraceError } from "../../../schemas/errors.ts";
import type { ServerDeps } from "../../deps.ts";
import { jsonParser } from "../json-body.ts";
import { refuseWith } from "../refusal.ts";
import type { ArtifactPlace } from "./artifact-index.ts";
import { fileIn, mayStore, pathOf, store } from "./artifact-proxy.ts";
import type { ContextOf } from "./context.ts";
import { mlflowRefusals } from "./errors.ts";
import { inputOf, parsed } from "./input.ts";

/** S3's bound. */
const MOST_PARTS = 10_000;

/** Of the client's machine; its name alone is the file's. */
const localFile = z.string().min(1);

const created = z.object({ path: localFile, num_parts: z.coerce.number().int().min(1).max(MOST_PARTS).default(1) });

const part = z.object({
  part_number: z.coerce.number().int().min(1).max(MOST_PARTS),
  etag: z
    .string()
    .transform((etag) => etag.replaceAll('"', ""))
    .pipe(z.string().regex(/^[0-9a-f]{64}$/, "expected the ETag that the part was answered with")),
});

const completed = z.object({
  path: localFile,
  upload_id: z.string().min(1),
  parts: z.array(part).min(1).max(MOST_PARTS),
});

/** In order, each number once and none left out. BAD_REQUEST. */
const digestsOf = (parts: readonly z.output<typeof part>[]): string[] => {
  const sorted = parts.toSorted((a, b) => a.part_number - b.part_number);
  const wrong = sorted.findIndex(({ part_number }, i) => part_number !== i + 1);
  if (wrong < 0) return sorted.map(({ etag }) => etag);
  throw new MillraceError("BAD_REQUEST", `parts: expected each number from 1 once, but ${wrong + 1} is not there once`);
};

const placeFor = (request: FastifyRequest, path: string): ArtifactPlace =>
  fileIn(posix.join(pathOf(request), posix.basename(path.replaceAll("\\", "/"))));

/**
 * `mlflow-artifacts/mpu/*`: a file in parts. A part is an artifact of its own, which its ETag names; so nothing is kept of
 * an upload that is under way, and any process takes any part. The file is put together when it is complete.
 */
export const multipart =
  (contextOf: ContextOf, deps: ServerDeps): FastifyPluginAsync =>
  async (server) => {
    refuseWith(server, deps, mlflowRefusals);
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", { parseAs: "string" }, jsonParser({ empty: "nothing" }));

    server.post("/create/*", async (request) => {
      const { path, num_parts } = parsed(created, inputOf(request));
      await mayStore(await contextOf(request), placeFor(request, path));
      const { authorization } = request.headers;
      const at = `${request.protocol}://${request.host}${request.url.replace(/\/create\/.*$/s, "")}`;
      const upload_id = randomUUID();
      return {
        upload_id,
        credentials: Array.from({ length: num_parts }, (_, i) => ({
          url: `${at}/part/${upload_id}/${i + 1}/${pathOf(request)}`,
          part_number: i + 1,
          headers: authorization === undefined ? {} : { Authorization: authorization },
        })),
      };
    });

    server.post("/complete/*", async (request) => {
      const { path, parts } = parsed(completed, inputOf(request));
      const context = await contextOf(request);
      const place = placeFor(request, path);
      await mayStore(context, place);
      const digests = digestsOf(parts);
      for (const [i, digest] of digests.entries()) {
        if ((await deps.artifacts.stat(digest)) !== null) continue;
        throw new MillraceError("BAD_REQUEST", `parts[${i}].etag: no part was uploaded that has it`);
      }
      const whole = async function* () {
        for (const digest of digests) yield* await deps.artifacts.get(digest);
      };
      await store(context, place, Readable.from(whole(), { objectMode: false }));
      return {};
    });

    server.post("/abort/*", async (request) => {
      await contextOf(request);
      return {};
    });
  };
