import type { Readable } from "node:stream";
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from "fastify";
import { badPath, isBelow, isPlainPath } from "../../../commands/artifact-files.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { ArtifactFile } from "../../../schemas/lifecycle/artifact-file.ts";
import type { ServerDeps } from "../../deps.ts";
import { refuseWith } from "../refusal.ts";
import { type ArtifactPlace, entriesAt, placeOf } from "./artifact-index.ts";
import { entryAnswer } from "./artifact-list.ts";
import type { ContextOf, MlflowContext } from "./context.ts";
import { mlflowRefusals, notImplemented } from "./errors.ts";
import { withoutTrailingSlashes } from "./slashes.ts";

export const pathOf = ({ params }: FastifyRequest): string => (params as { "*": string })["*"];

/** BAD_REQUEST for a path that leads out of its place, or to no run or logged model. */
const placeIn = (path: string): ArtifactPlace => {
  const trimmed = withoutTrailingSlashes(path);
  if (!isPlainPath(trimmed)) throw new MillraceError("BAD_REQUEST", `Invalid path: ${badPath}`);
  const place = placeOf(trimmed);
  if (place !== null) return place;
  throw new MillraceError(
    "BAD_REQUEST",
    "Invalid path: expected EXPERIMENT/RUN/artifacts/... or EXPERIMENT/models/MODEL/artifacts/...",
  );
};

/** As `placeIn`, of a file. */
export const fileIn = (path: string): ArtifactPlace => {
  const place = placeIn(path);
  if (place.path !== "" && !path.endsWith("/")) return place;
  throw new MillraceError("BAD_REQUEST", "Invalid path: it names no file");
};

/** Nothing that a browser would run comes from here. */
const fileHeaders = { "content-type": "application/octet-stream", "x-content-type-options": "nosniff" };

export const sendFile = async (
  reply: FastifyReply,
  { artifacts }: Pick<ServerDeps, "artifacts">,
  { size, digest }: ArtifactFile,
): Promise<FastifyReply> =>
  reply.headers({ ...fileHeaders, "content-length": size, etag: `"${digest}"` }).send(await artifacts.get(digest));

/** Keeps the bytes, and the path of them. */
export const store = async (
  context: MlflowContext,
  { kind, id, path }: ArtifactPlace,
  bytes: Readable | Uint8Array,
) => {
  const { digest: artifact } = await context.deps.artifacts.put(bytes);
  if (kind === "run") await context.dispatch("StoreRunArtifact", { id, path, artifact });
  else await context.dispatch("StoreLoggedModelArtifact", { id, path, artifact });
};

/** FORBIDDEN; NOT_FOUND for an owner that is not there: no bytes are taken for it. */
export const mayStore = async ({ deps, actor, project, files }: MlflowContext, place: ArtifactPlace): Promise<void> => {
  const action = place.kind === "run" ? "StoreRunArtifact" : "StoreLoggedModelArtifact";
  await deps.gate.authorize(actor, action, project);
  await files.filesOf(project, place);
};

/** `mlflow-artifacts/*`: the files of runs and logged models, streamed. The newest at a path wins. */
export const artifactProxy =
  (contextOf: ContextOf, deps: ServerDeps): FastifyPluginAsync =>
  async (server) => {
    refuseWith(server, deps, mlflowRefusals);
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", (_, payload, done) => done(null, payload));

    server.get("/artifacts", async (request) => {
      const context = await contextOf(request);
      const place = placeIn((request.query as { path?: string }).path ?? "");
      const files = entriesAt(await context.files.filesOf(context.project, place), place.path);
      const prefix = place.path === "" ? 0 : place.path.length + 1;
      return { files: files.map((entry) => entryAnswer({ ...entry, path: entry.path.slice(prefix) })) };
    });

    server.get("/artifacts/*", async (request, reply) => {
      const { files, project } = await contextOf(request);
      const place = fileIn(pathOf(request));
      const file = (await files.filesOf(project, place)).get(place.path);
      if (file === undefined) throw new MillraceError("NOT_FOUND", `there is no artifact ${place.path}`);
      return sendFile(reply, deps, file);
    });

    server.put("/artifacts/*", { config: { isStreamed: true } }, async (request) => {
      const context = await contextOf(request);
      const place = fileIn(pathOf(request));
      await mayStore(context, place);
      await store(context, place, (request.body ?? new Uint8Array()) as Readable | Uint8Array);
      return {};
    });

    server.delete("/artifacts/*", async (request) => {
      const context = await contextOf(request);
      const { kind, id, path } = placeIn(pathOf(request));
      const files = await context.files.filesOf(context.project, { kind, id });
      if (path !== "" && ![...files.keys()].some((known) => isBelow(path, known))) {
        throw new MillraceError("NOT_FOUND", `there is no artifact ${path}`);
      }
      if (kind === "run") await context.dispatch("DeleteRunArtifacts", { id, path });
      else await context.dispatch("DeleteLoggedModelArtifacts", { id, path });
      return {};
    });

    server.put("/mpu/part/:upload/:number/*", { config: { isStreamed: true } }, async (request, reply) => {
      await mayStore(await contextOf(request), placeIn(pathOf(request)));
      const { digest } = await deps.artifacts.put((request.body ?? new Uint8Array()) as Readable | Uint8Array);
      return reply.header("etag", `"${digest}"`).send({});
    });
    server.get("/presigned/*", async () => {
      throw notImplemented("Presigned downloads are not supported: read the file through this server");
    });
  };
