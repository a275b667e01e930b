import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Actor } from "../commands/gate.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { ServerDeps } from "./deps.ts";

declare module "fastify" {
  interface FastifyRequest {
    actor: Actor | null;
  }
  interface FastifyContextConfig {
    /** Asks for no credentials. Without it a route asks before it reads anything. */
    isPublic?: true;
  }
}

/** Many clients speak Basic only: the password is the token, whatever the user is called. */
const asBearer = (authorization: string | undefined): string | undefined => {
  const basic = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? "")?.[1];
  if (basic === undefined) return authorization;
  const credentials = Buffer.from(basic, "base64").toString("utf8");
  return `Bearer ${credentials.slice(credentials.indexOf(":") + 1)}`;
};

/** GraphiQL's own files, which mercurius serves. */
const isGraphiql = (path: string | undefined): boolean =>
  path === "/graphiql" || path?.startsWith("/graphiql/") === true;

/** A socket may say who opens it in `connection_init`; each of its subscriptions is asked. */
const isSocket = ({ method, headers, routeOptions }: FastifyRequest): boolean =>
  method === "GET" && routeOptions.url === "/graphql" && headers.upgrade !== undefined;

/**
 * Establishes the actor of every request before its body is read: UNAUTHENTICATED, also for paths that are not there.
 * Routes with `isPublic` and sockets ask nothing here.
 */
export const authenticateFirst = (
  server: FastifyInstance,
  { authenticate }: Pick<ServerDeps, "authenticate">,
): void => {
  server.decorateRequest("actor", null);
  server.addHook("onRequest", async (request) => {
    const { config, url } = request.routeOptions;
    if (config.isPublic === true || isGraphiql(url) || isSocket(request)) return;
    const authorization = asBearer(request.headers.authorization);
    request.actor = await authenticate({ headers: { ...request.headers, authorization } });
  });
};

/** Who sent a request. UNAUTHENTICATED where its route has not asked. */
export const actorOf = ({ actor }: FastifyRequest): Actor => {
  if (actor !== null) return actor;
  throw new MillraceError("UNAUTHENTICATED", "this request says nothing about who sends it");
};
