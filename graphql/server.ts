import Fastify, { type FastifyInstance, LogController } from "fastify";
import { forClient } from "../infra/request-signal.ts";
import { authenticateFirst } from "./actor.ts";
import { CORRELATION_HEADER, correlationIdOf } from "./correlation.ts";
import type { ServerDeps } from "./deps.ts";
import { drainWithin } from "./draining.ts";
import { graphqlDoor } from "./graphql-door.ts";
import { artifactDoor } from "./http/artifacts.ts";
import { type BodyLimits, boundBodies } from "./http/bodies.ts";
import { answerClientErrors, answerFrameworkErrors } from "./http/client-errors.ts";
import { datasetDoor } from "./http/datasets.ts";
import { jsonParser } from "./http/json-body.ts";
import { mlflowDoor } from "./http/mlflow/door.ts";
import { refuseWith } from "./http/refusal.ts";
import { registryDoor } from "./http/registry.ts";
import { restRefusals } from "./http/rest-refusal.ts";
import { type StatusDeps, statusDoor } from "./http/status.ts";
import { topicDoor } from "./http/topics.ts";
import { checkOrigin } from "./origin.ts";
import { createFeeds } from "./subscriptions/feeds.ts";
import type { SocketLimits } from "./subscriptions/socket-limits.ts";

export type { ServerDeps } from "./deps.ts";
export { drainRequestsMs } from "./draining.ts";

export type ServerOptions = {
  /** A query seen so often is compiled; 0 never compiles. */
  jit?: number;
  limits?: Partial<ConnectionLimits & BodyLimits & SocketLimits>;
};

/** Milliseconds. */
type ConnectionLimits = {
  /** For the line and the headers of a request, from the connection's beginning or the first byte. */
  headersMs: number;
  /** Of silence on a connection on which a request is answered. */
  silenceMs: number;
};

const connectionLimits: ConnectionLimits = { headersMs: 30_000, silenceMs: 300_000 };

/**
 * The platform's doors: GraphQL with subscriptions, the Kafka REST face of topics, Confluent's of the schema registry,
 * artifacts, health and metrics.
 * The caller listens. `close` lets running requests end for 4 s, ends subscriptions with CLOSED and their sockets with
 * 1001, and opens nothing new.
 */
export const createServer = async (deps: ServerDeps, options: ServerOptions = {}): Promise<FastifyInstance> => {
  const server = bareServer(deps, options.limits);
  const feeds = createFeeds(deps);
  server.addHook("preClose", () => feeds.close());
  await graphqlDoor(server, deps, feeds, { jit: options.jit ?? 1, limits: options.limits });
  await server.register(statusDoor(deps));
  await server.register(topicDoor(deps));
  await server.register(registryDoor(deps));
  await server.register(artifactDoor(deps));
  await server.register(datasetDoor(deps));
  await server.register(mlflowDoor(deps));
  return server;
};

/** Health and metrics alone, of a process without the role `api`. */
export const createStatusServer = async (deps: StatusDeps): Promise<FastifyInstance> => {
  const server = bareServer(deps);
  await server.register(statusDoor(deps));
  return server;
};

const bareServer = (deps: StatusDeps, limits: ServerOptions["limits"] = {}): FastifyInstance => {
  const { headersMs, silenceMs } = { ...connectionLimits, ...limits };
  const server = Fastify({
    loggerInstance: deps.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: correlationIdOf,
    routerOptions: { maxParamLength: 256 },
    connectionTimeout: silenceMs,
    // Files may take long to come in: `boundBodies` asks for a pace instead.
    requestTimeout: 0,
    http: { headersTimeout: headersMs, connectionsCheckingInterval: Math.min(headersMs, 5_000) },
    clientErrorHandler: answerClientErrors,
    frameworkErrors: answerFrameworkErrors,
  }) as unknown as FastifyInstance;
  server.addHook("onRequest", (request, reply, done) => {
    reply.header(CORRELATION_HEADER, request.id);
    done();
  });
  checkOrigin(server, deps.settings);
  drainWithin(server, deps.onCutOff ?? (() => {}));
  authenticateFirst(server, deps);
  boundBodies(server, limits);
  server.removeContentTypeParser(["application/json", "text/plain"]);
  server.addContentTypeParser("application/json", { parseAs: "string" }, jsonParser());
  endUpgrades(server);
  endReads(server);
  refuseWith(server, deps, restRefusals);
  return server;
};

/** Doors that read the warehouse: what they ask ends when their client leaves before it has its answer. */
const readingDoors = /^\/(?:graphql|projects|api)\b/;

const endReads = (server: FastifyInstance): void => {
  server.addHook("preHandler", (request, reply, done) => {
    if (!readingDoors.test(request.url) || request.headers.upgrade !== undefined) {
      done();
      return;
    }
    const left = new AbortController();
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) left.abort();
    });
    forClient(left.signal, done);
  });
};

/**
 * A request for a socket that was answered with anything else has left HTTP's own care: nobody reads or closes its
 * connection any more.
 */
const endUpgrades = (server: FastifyInstance): void => {
  server.addHook("onResponse", async ({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
  });
};
