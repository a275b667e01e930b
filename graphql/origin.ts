import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Settings } from "../infra/config.ts";
import { hostsOf, isNavigation, refusedHost, refusedOrigin } from "../infra/web-origin.ts";
import { MillraceError } from "../schemas/errors.ts";

/** What a link on any page may lead to: pages that show nothing by themselves and change nothing. */
const pages: readonly string[] = ["/", "/graphiql"];

/** Probes know a process by whatever address it has, and learn no secret. */
const isProbe = (path: string): boolean => path === "/health" || path.startsWith("/health/");

/**
 * FORBIDDEN for a request that a page of another site may have sent, or that knows this server by a name that is not
 * its own: on every route and method, and on upgrades to a socket, before anything else is asked.
 */
export const checkOrigin = (
  server: FastifyInstance,
  settings: Pick<Settings, "host" | "apiToken" | "allowedHosts">,
): void => {
  let allowed: readonly string[] = [];
  server.addHook("onListen", async () => {
    allowed = hostsOf(settings, (server.server.address() as AddressInfo).port);
  });
  server.addHook("onRequest", (request, _, done) => {
    const path = request.url.split("?", 1)[0];
    if (isProbe(path)) return done();
    const isPage = request.method === "GET" && pages.includes(path) && isNavigation(request.headers);
    const refusal = (isPage ? refusedHost : refusedOrigin)(request.headers, allowed);
    done(refusal === null ? undefined : new MillraceError("FORBIDDEN", refusal));
  });
};
