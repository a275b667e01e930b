import type { FastifyInstance, FastifyRequest } from "fastify";
import { type DocumentNode, validate } from "graphql";
import { type MercuriusContext, mercurius } from "mercurius";
import type { Actor } from "../commands/gate.ts";
import { MillraceError } from "../schemas/errors.ts";
import type { GraphContext } from "./context.ts";
import { correlationIdOf } from "./correlation.ts";
import type { Credentials, ServerDeps } from "./deps.ts";
import { asGraphQLError, type ErrorView, formatErrors } from "./errors.ts";
import { checkCost } from "./limits/cost.ts";
import { checkDepth } from "./limits/depth.ts";
import { operationsOf } from "./limits/walk.ts";
import { schema } from "./schema.ts";
import type { Feeds } from "./subscriptions/feeds.ts";
import { initialiseOnce } from "./subscriptions/sockets.ts";

const PATH = "/graphql";
/** Bounds what a document can hold before anything else looks at it. */
const MAX_TOKENS = 10_000;

type Context = MercuriusContext & GraphContext & { _connectionInit?: unknown; request?: FastifyRequest };
type Body = { query?: unknown; variables?: unknown; operationName?: unknown };

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The three members that GraphQL over HTTP knows, each of its type. */
const checkBody = (body: unknown): void => {
  const { query, variables, operationName } = isPlainObject(body) ? (body as Body) : {};
  const refuse = (message: string): never => {
    throw new MillraceError("BAD_REQUEST", message);
  };
  if (typeof query !== "string") refuse("query: expected the text of a GraphQL document");
  if (variables != null && !isPlainObject(variables)) refuse("variables: expected an object");
  if (operationName != null && typeof operationName !== "string") refuse("operationName: expected a string");
};

/** What the client put into `connection_init`: headers themselves, or under `headers`. */
const initHeaders = (payload: unknown): Credentials["headers"] => {
  if (!isPlainObject(payload)) return {};
  const headers = isPlainObject(payload.headers) ? payload.headers : payload;
  const entries = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
};

/** Every operation of the document, whichever of them the request runs. */
const checkLimits = (document: DocumentNode, variables?: Record<string, unknown>): void => {
  for (const operation of operationsOf(document)) {
    checkDepth(operation);
    checkCost(operation, schema, variables);
  }
};

/** mercurius executes subscriptions without validating them. */
const checkSubscription = (document: DocumentNode): void => {
  const [error] = validate(schema, document);
  if (error !== undefined) throw error;
  checkLimits(document);
};

declare module "fastify" {
  interface FastifyRequest {
    actor: Actor | null;
  }
}

/**
 * Of graphql-jit; mercurius hands it on, but its types leave it out. What resolvers answer is typed, so nothing is won
 * by checking again that a string is a string.
 */
const compiler = { compilerOptions: { disableLeafSerialization: true } };

/** `/graphql`: queries and mutations over HTTP, subscriptions over graphql-transport-ws; `/graphiql` in development. */
export const graphqlDoor = async (
  server: FastifyInstance,
  deps: ServerDeps,
  feeds: Feeds,
  options: { jit: number },
): Promise<void> => {
  const { development } = deps.settings;
  const view = (correlationId: string): ErrorView => ({ development, correlationId, logger: deps.logger });

  // mercurius asks its CSRF header of the upgrade to a socket, too, where no client sends it: `checkOrigin` guards those.
  server.addHook("onRequest", (request, _, done) => {
    if (request.headers.upgrade !== undefined) request.headers["mercurius-require-preflight"] = "1";
    done();
  });

  await server.register(mercurius, {
    schema,
    path: PATH,
    jit: options.jit,
    ...compiler,
    graphiql: development,
    csrfPrevention: true,
    allowBatchedQueries: false,
    graphql: { parseOptions: { maxTokens: MAX_TOKENS } },
    errorFormatter: (execution, context) =>
      formatErrors(execution, view((context as unknown as Partial<GraphContext>).correlationId ?? "")),
    context: (request) => ({ deps, feeds, actor: request.actor, correlationId: request.id }),
    additionalRouteOptions: {
      schema: {},
      preValidation: async (request) => {
        if ((request as { ws?: boolean }).ws === true) return;
        request.actor = await deps.authenticate(request);
        checkBody(request.method === "GET" ? { query: (request.query as Body).query } : request.body);
      },
    },
    subscription: {
      context: (socket, request) => {
        initialiseOnce(socket);
        return { deps, feeds, correlationId: correlationIdOf(request.raw) };
      },
    },
  });

  server.graphql.addHook("preExecution", async (_, document, __, variables) => {
    checkLimits(document, variables as Record<string, unknown> | undefined);
  });

  server.graphql.addHook("preSubscriptionExecution", async (_, document, raw) => {
    const context = raw as unknown as Context;
    try {
      checkSubscription(document);
      const headers = { ...context.request?.headers, ...initHeaders(context._connectionInit) };
      context.actor = await deps.authenticate({ headers });
    } catch (error) {
      throw asGraphQLError(error, view(context.correlationId));
    }
  });
};
