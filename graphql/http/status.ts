import type { FastifyPluginAsync, FastifyRequest } from "fastify";
import packageInfo from "../../package.json" with { type: "json" };
import { actorOf } from "../actor.ts";
import type { ServerDeps } from "../deps.ts";

/** What is asked of a process itself. */
export type StatusDeps = Pick<
  ServerDeps,
  "settings" | "readiness" | "metrics" | "authenticate" | "warehouseUrl" | "warehouseAccess" | "logger" | "onCutOff"
>;

/**
 * `/health/live`, `/health/ready`, `/metrics`, the list of doors at `/`, which need no actor but for `/metrics`; and
 * `/status`: version, roles and doors, and for administrators how to reach the warehouse.
 */
export const statusDoor =
  ({ settings, readiness, metrics, warehouseUrl, warehouseAccess }: StatusDeps): FastifyPluginAsync =>
  async (server) => {
    const open = { config: { isPublic: true } } as const;

    const doors = (base: string): Record<string, unknown> => ({
      ...(settings.roles.includes("api") ? apiDoors(base, settings.development) : {}),
      health: { live: `${base}/health/live`, ready: `${base}/health/ready` },
      metrics: `${base}/metrics`,
      status: `${base}/status`,
    });
    const baseOf = ({ protocol, host }: FastifyRequest): string => `${protocol}://${host}`;

    server.get("/", open, async (request) => ({
      name: "millrace",
      roles: settings.roles,
      ...doors(baseOf(request)),
      warehouse: withoutPassword(warehouseUrl),
    }));

    server.get("/status", async (request, reply) => {
      const isAdmin = actorOf(request).admin;
      reply.header("cache-control", "no-store");
      return {
        name: "millrace",
        version: packageInfo.version,
        roles: settings.roles,
        urls: doors(baseOf(request)),
        ...(isAdmin && warehouseAccess !== null ? { warehouse: warehouseAccess } : {}),
      };
    });

    server.get("/health/live", open, async () => ({ status: "live" }));

    server.get("/health/ready", open, async (_, reply) => {
      const { ready, checks, notes = {} } = await readiness();
      const status = ready ? "ready" : "not ready";
      return reply.code(ready ? 200 : 503).send({ status, checks, ...(Object.keys(notes).length > 0 && { notes }) });
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
