import type { FastifyPluginAsync } from "fastify";
import type { ServerDeps } from "../deps.ts";

/** What is asked of a process itself. */
export type StatusDeps = Pick<
  ServerDeps,
  "settings" | "readiness" | "metrics" | "authenticate" | "warehouseUrl" | "warehouseAccess" | "logger" | "onCutOff"
>;

/** `/health/live`, `/health/ready`, `/metrics` and the list of doors at `/`. Probes need no actor. */
export const statusDoor =
  ({ settings, readiness, metrics, warehouseUrl }: StatusDeps): FastifyPluginAsync =>
  async (server) => {
    const open = { config: { isPublic: true } } as const;

    server.get("/", open, async (request) => {
      const base = `${request.protocol}://${request.host}`;
      return {
        name: "millrace",
        roles: settings.roles,
        ...(settings.roles.includes("api") ? apiDoors(base, settings.development) : {}),
        health: { live: `${base}/health/live`, ready: `${base}/health/ready` },
        metrics: `${base}/metrics`,
        warehouse: withoutPassword(warehouseUrl),
      };
    });

    server.get("/health/live", open, async () => ({ status: "live" }));

    server.get("/health/ready", open, async (_, reply) => {
      const { ready, checks } = await readiness();
      return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready", checks });
    });

    server.get("/metrics", async (_, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  };

const apiDoors = (base: string, development: boolean): Record<string, string> => ({
  graphql: `${base}/graphql`,
  subscriptions: `${base.replace(/^http/, "ws")}/graphql`,
  ...(development ? { graphiql: `${base}/graphiql` } : {}),
  topics: `${base}/topics`,
  registry: `${base}/registry`,
  artifacts: `${base}/artifacts`,
  mlflow: `${base}/api/2.0/mlflow`,
});

const withoutPassword = (text: string): string => {
  const url = URL.parse(text);
  if (url === null) return text;
  url.password = "";
  return url.href;
};
