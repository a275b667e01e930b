import { PassThrough } from "node:stream";
import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import { actorOf } from "../../graphql/actor.ts";
import type { ServerDeps } from "../../graphql/deps.ts";
import { asMillraceError, type ErrorCode } from "../../schemas/errors.ts";
import type { RebuildProgress, RebuildResult } from "../rebuild/progress.ts";
import { projectionNames, requireProjection } from "../rebuild/rebuild.ts";
import type { Rebuilder } from "../rebuild/rebuilder.ts";

/** A line of the answer to `POST /projections/{name}/rebuild`; the last one is `done` or `failed`. */
export type RebuildLine =
  | ({ type: "progress" } & RebuildProgress)
  | ({ type: "done" } & RebuildResult)
  | { type: "failed"; code: ErrorCode; message: string };

export type ProjectionDoorDeps = Pick<ServerDeps, "gate" | "logger"> & Pick<Rebuilder, "rebuild">;

/**
 * `GET /projections`: their names. `POST /projections/{name}/rebuild`: builds one anew beside the running one and
 * answers NDJSON while it does. Who leaves does not stop it. For administrators of the platform.
 */
export const projectionDoor =
  ({ gate, logger, rebuild }: ProjectionDoorDeps): FastifyPluginAsync =>
  async (server) => {
    const allow = async (request: FastifyRequest): Promise<void> => gate.authorize(actorOf(request), "rebuild", "");

    server.get("/projections", { onRequest: allow }, async () => ({ projections: projectionNames }));

    server.post("/projections/:name/rebuild", { onRequest: allow }, async (request, reply) => {
      const { name } = request.params as { name: string };
      requireProjection(name);
      const lines = new PassThrough();
      const say = (line: RebuildLine): void => {
        if (!lines.destroyed) lines.write(`${JSON.stringify(line)}\n`);
      };
      void rebuild(name, (progress) => say({ type: "progress", ...progress }))
        .then(
          (result) => say({ type: "done", ...result }),
          (error: unknown) => {
            const { code, message } = asMillraceError(error);
            if (code === "CLOSED") logger.info({ projection: name }, message);
            else logger.error({ err: error, projection: name }, "the rebuild failed");
            say({ type: "failed", code, message });
          },
        )
        .finally(() => lines.end());
      return reply.type("application/x-ndjson").send(lines);
    });
  };
