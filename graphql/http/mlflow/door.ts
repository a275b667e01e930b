import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import type { z } from "zod";
import type { ServerDeps } from "../../deps.ts";
import { jsonParser } from "../json-body.ts";
import { refuseWith } from "../refusal.ts";
import { artifactList } from "./artifact-list.ts";
import { artifactProxy } from "./artifact-proxy.ts";
import { type MlflowContext, mlflowContexts } from "./context.ts";
import { downloads } from "./downloads.ts";
import { mlflowRefusals } from "./errors.ts";
import { experiments } from "./experiments.ts";
import { info, serverInfo } from "./info.ts";
import { inputOf, parsed } from "./input.ts";
import { loggedModels } from "./logged-models.ts";
import { metrics } from "./metrics.ts";
import { modelVersions } from "./model-versions.ts";
import { multipart } from "./multipart.ts";
import { registeredModels } from "./registered-models.ts";
import { runs } from "./runs.ts";

export type { MlflowContext } from "./context.ts";

/** `input` is the query, the body and what the path names, in one object; the answer is sent as JSON. */
export type Route = <Schema extends z.ZodType>(
  method: "GET" | "POST" | "PATCH" | "DELETE",
  /** Below `/api/2.0/mlflow/`. */
  path: string,
  input: Schema,
  answer: (input: z.output<Schema>, context: MlflowContext) => unknown,
  /** Bytes that the body may have, where that is not MLflow's usual limit. */
  bodyLimit?: number,
) => void;

/** A group of routes. */
export type Routes = (route: Route) => void;

/** MLflow's for a batch. */
const BODY_LIMIT = 1_000_000;

/** Every group of calls below `/api/2.0/mlflow`. */
export const routeGroups: readonly Routes[] = [
  experiments,
  runs,
  metrics,
  artifactList,
  loggedModels,
  registeredModels,
  modelVersions,
];

/** Clients send JSON whatever they say that it is, and calls without one a body of none. */
const takeJson = (server: FastifyInstance): void => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, jsonParser({ empty: "nothing" }));
};

/**
 * MLflow's REST API: of the project `default` at the root, which is made on first use, and of any other below
 * `/projects/PROJECT`. Both under `/api` and `/ajax-api`; what else is asked there, or of `/v1` (traces as OTLP sends them), is
 * refused in MLflow's form.
 */
export const mlflowDoor =
  (deps: ServerDeps): FastifyPluginAsync =>
  async (root) => {
    const contextOf = mlflowContexts(deps);

    const rest = async (server: FastifyInstance): Promise<void> => {
      takeJson(server);
      refuseWith(server, deps, mlflowRefusals);
      const route: Route = (method, path, schema, answer, bodyLimit = BODY_LIMIT) => {
        server.route({
          method,
          url: `/${path}`,
          bodyLimit,
          async handler(request) {
            const context = await contextOf(request);
            return answer(parsed(schema, inputOf(request)), context);
          },
        });
      };
      for (const group of routeGroups) group(route);
    };

    /** Every call of MLflow's that is not answered is refused in its own form, whatever its version. */
    const unanswered = async (server: FastifyInstance): Promise<void> => {
      server.removeAllContentTypeParsers();
      server.addContentTypeParser("*", (_, __, done) => done(null));
      refuseWith(server, deps, mlflowRefusals);
    };

    for (const base of ["", "/projects/:project"]) {
      for (const prefix of ["/api", "/ajax-api", "/v1"]) await root.register(unanswered, { prefix: base + prefix });
      await root.register(downloads(contextOf, deps, base));
      for (const api of ["/api", "/ajax-api"]) {
        await root.register(rest, { prefix: `${base}${api}/2.0/mlflow` });
        await root.register(artifactProxy(contextOf, deps), { prefix: `${base}${api}/2.0/mlflow-artifacts` });
        await root.register(multipart(contextOf, deps), { prefix: `${base}${api}/2.0/mlflow-artifacts/mpu` });
        serverInfo(root, `${base}${api}/3.0/mlflow`);
      }
    }
    info(root);
  };
