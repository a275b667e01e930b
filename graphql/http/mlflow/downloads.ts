import { posix } from "node:path";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { MillraceError } from "../../../schemas/errors.ts";
import type { ServerDeps } from "../../deps.ts";
import { refuseErrorsWith } from "../refusal.ts";
import type { ArtifactOwner } from "./artifact-index.ts";
import { sendFile } from "./artifact-proxy.ts";
import type { ContextOf, MlflowContext } from "./context.ts";
import { mlflowRefusals } from "./errors.ts";
import { parsed } from "./input.ts";
import { placeOfSource } from "./model-source.ts";
import * as registry from "./registry-fields.ts";
import { registryReads } from "./registry-reads.ts";
import { oneRun, runIdOf } from "./runs.ts";

const path = z.string().min(1, "path: expected the file's path");

type Wanted = { owner: ArtifactOwner; path: string };

const ofRun = oneRun.extend({ path });
const ofVersion = z.object({ name: registry.name, version: registry.version, path });
const ofLoggedModel = z.object({ model_id: z.string(), artifact_file_path: path });

const versionFile = async (
  { name, version, path: below }: z.output<typeof ofVersion>,
  { deps, project }: MlflowContext,
): Promise<Wanted> => {
  const { source } = (await registryReads(deps, project).version(name, version)).version;
  const place = source === null ? null : placeOfSource(source);
  if (place === null) throw new MillraceError("NOT_FOUND", `the files of version ${version} of "${name}" are not here`);
  const { owner: kind, id, folder } = place;
  return { owner: { kind, id }, path: folder === "" ? below : `${folder}/${below}` };
};

/** Files as MLflow's web interface asks for them: whole, to be kept. */
export const downloads = (contextOf: ContextOf, deps: ServerDeps, base: string) => async (server: FastifyInstance) => {
  refuseErrorsWith(server, deps, mlflowRefusals);
  const route = <Schema extends z.ZodType>(
    url: string,
    schema: Schema,
    wantedOf: (input: z.output<Schema>, context: MlflowContext) => Promise<Wanted> | Wanted,
  ): void => {
    server.get(base + url, async (request: FastifyRequest, reply: FastifyReply) => {
      const context = await contextOf(request);
      const input = { ...(request.query as object), ...(request.params as object) };
      const { owner, path: wanted } = await wantedOf(parsed(schema, input), context);
      const file = (await context.files.filesOf(context.project, owner)).get(wanted);
      if (file === undefined) throw new MillraceError("NOT_FOUND", `there is no artifact ${wanted}`);
      const name = encodeURIComponent(posix.basename(wanted));
      return sendFile(reply.header("content-disposition", `attachment; filename*=UTF-8''${name}`), deps, file);
    });
  };
  route("/get-artifact", ofRun, (input) => ({ owner: { kind: "run", id: runIdOf(input) }, path: input.path }));
  route("/model-versions/get-artifact", ofVersion, versionFile);
  route("/ajax-api/2.0/mlflow/logged-models/:model_id/artifacts/files", ofLoggedModel, (input) => ({
    owner: { kind: "logged-model", id: input.model_id },
    path: input.artifact_file_path,
  }));
};
