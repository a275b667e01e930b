import type { Readable } from "node:stream";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { MillraceError } from "../../schemas/errors.ts";
import { actorOf } from "../actor.ts";
import type { ServerDeps } from "../deps.ts";

type Query = { project?: string; digest?: string };

const DIGEST = /^[0-9a-f]{64}$/;

const checkDigest = (digest: string): string => {
  if (DIGEST.test(digest)) return digest;
  throw new MillraceError("BAD_REQUEST", "digest: expected a SHA-256, 64 lower-case hex characters");
};

/**
 * `PUT /artifacts?project=&digest=`: any bytes, streamed; answers `{ digest, size }`. With `digest` the bytes must
 * have it (DIGEST_MISMATCH). `GET /artifacts/{digest}?project=`. Artifacts belong to no project; the project says where the caller
 * has the role that it needs, administrators of the platform may leave it out.
 */
export const artifactDoor =
  ({ artifacts, gate }: ServerDeps): FastifyPluginAsync =>
  async (server) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", (_, payload, done) => done(null, payload));

    const allow = async (request: FastifyRequest, action: string): Promise<void> => {
      await gate.authorize(actorOf(request), action, (request.query as Query).project ?? "");
    };

    const put = {
      config: { isStreamed: true },
      onRequest: (request: FastifyRequest) => allow(request, "PutArtifact"),
    } as const;
    server.put("/artifacts", put, async (request, reply) => {
      const { digest } = request.query as Query;
      const body = (request.body ?? new Uint8Array()) as Readable | Uint8Array;
      const stored = await artifacts.put(body, digest === undefined ? undefined : checkDigest(digest));
      return reply.code(201).header("location", `/artifacts/${stored.digest}`).send(stored);
    });

    server.get(
      "/artifacts/:digest",
      { onRequest: (request) => allow(request, "query:artifact") },
      async (request, reply) => {
        const digest = checkDigest((request.params as { digest: string }).digest);
        const info = await artifacts.stat(digest);
        if (info === null) throw new MillraceError("NOT_FOUND", `there is no artifact ${digest}`);
        return reply
          .type("application/octet-stream")
          .header("content-length", info.size)
          .header("etag", `"${digest}"`)
          .send(await artifacts.get(digest));
      },
    );
  };
