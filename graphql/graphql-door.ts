import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type DocumentNode, GraphQLError, Location, OperationTypeNode, parse } from "graphql";
import { type MercuriusContext, mercurius } from "mercurius";
import { MillraceError } from "../schemas/errors.ts";
import { actorOf } from "./actor.ts";
import type { GraphContext } from "./context.ts";
import type { ServerDeps } from "./deps.ts";
import { type ErrorView, formatErrors } from "./errors.ts";
import { agreeOnIds } from "./id-variables.ts";
import { MAX_TOKENS } from "./limits/source.ts";
import { checkLimits, hasChoice, operationIn } from "./operation.ts";
import {
  type Asked,
  answerAs,
  askedIn,
  askedInAddress,
  noteWellFormed,
  requirePreflight,
  statusOf,
} from "./over-http.ts";
import { schema } from "./schema.ts";
import { socketOperations } from "./socket-operations.ts";
import type { Feeds } from "./subscriptions/feeds.ts";
import { socketDoor } from "./subscriptions/socket-door.ts";
import type { SocketLimits } from "./subscriptions/socket-limits.ts";

const PATH = "/graphql";
/** Documents that are kept parsed, and refusals of others: each may hold `MAX_TOKENS`. */
const KEPT_DOCUMENTS = 256;

type Context = MercuriusContext & GraphContext & { operationName?: string | null };

/** mercurius would run the field of a subscription as a query's. */
const refuseSubscription = (operation: OperationTypeNode): void => {
  if (operation !== OperationTypeNode.SUBSCRIPTION) return;
  throw new MillraceError("BAD_REQUEST", "subscriptions are for sockets: open one at this address");
};

/** By GET everything stands in the address, and nothing may be changed. */
const checkAddress = ({ query, operationName }: Asked): void => {
  try {
    const { operation } = operationIn(parse(query, { maxTokens: MAX_TOKENS }), operationName);
    refuseSubscription(operation);
    if (operation === OperationTypeNode.MUTATION)
      throw new MillraceError("METHOD_NOT_ALLOWED", "GET changes nothing: POST a mutation");
  } catch (error) {
    // mercurius tells where in the text an error of syntax is.
    if (!(error instanceof GraphQLError)) throw error;
  }
};

const isUpgrade = (request: FastifyRequest): boolean => (request as { ws?: boolean }).ws === true;

/**
 * Of a document with several operations mercurius would compile the one that was named by whoever asked second, and run
 * that whatever the others name: it is never compiled.
 */
const checkExecution = (document: DocumentNode, context: Context, variables?: Record<string, unknown>) => {
  const { operation } = operationIn(document, context.operationName);
  refuseSubscription(operation);
  checkLimits(document, variables);
  return hasChoice(document) ? { document } : undefined;
};

/**
 * Of graphql-jit; mercurius hands it on, but its types leave it out. What resolvers answer is typed, so nothing is won
 * by checking again that a string is a string.
 */
const compiler = { compilerOptions: { disableLeafSerialization: true } };

/** Methods that GraphQL over HTTP has no meaning for. */
const refuseOtherMethods = (server: FastifyInstance, format: (error: unknown, id: string) => object): void => {
  server.route({
    method: ["PUT", "PATCH", "DELETE"],
    url: PATH,
    onRequest: async ({ id, method }, reply) => {
      const error = new MillraceError("METHOD_NOT_ALLOWED", `${PATH} takes GET and POST, no ${method}`);
      return reply.code(error.status).header("allow", "GET, POST").send(format(error, id));
    },
    handler: async () => {},
  });
};

/** `/graphql`: GraphQL over HTTP, and over graphql-transport-ws; `/graphiql` in development. */
export const graphqlDoor = async (
  server: FastifyInstance,
  deps: ServerDeps,
  feeds: Feeds,
  options: { jit: number; limits?: Partial<SocketLimits> },
): Promise<void> => {
  const { development } = deps.settings;
  const view = (correlationId: string): ErrorView => ({ development, correlationId, logger: deps.logger });
  const asked = new WeakMap<FastifyRequest, Asked>();
  const asWritten = new WeakMap<DocumentNode, () => void>();

  requirePreflight(server, PATH);
  refuseOtherMethods(server, (error, id) => formatErrors({ errors: [error] }, view(id)).response);
  await socketDoor(server, PATH, socketOperations(server, deps, feeds), options.limits);

  const headersOf = (code: string, request: FastifyRequest, reply: FastifyReply): void => {
    answerAs(request, reply);
    if (code === "METHOD_NOT_ALLOWED") reply.header("allow", "POST");
    if (code === "OVERLOADED") reply.header("retry-after", "1");
  };

  await server.register(mercurius, {
    schema,
    path: PATH,
    jit: options.jit,
    ...compiler,
    graphiql: development,
    allowBatchedQueries: false,
    cache: KEPT_DOCUMENTS,
    graphql: { parseOptions: { maxTokens: MAX_TOKENS } },
    // Behind all others, whose errors are known when the operations have been left.
    validationRules: [(rule) => ({ Document: { leave: () => asWritten.get(rule.getDocument())?.() } })],
    errorFormatter: (execution, raw) => {
      const { correlationId = "", reply } = raw as unknown as Partial<Context>;
      const { code, response } = formatErrors(execution, view(correlationId));
      // Over a socket there is no status.
      if (reply === undefined || code === null) return { statusCode: 200, response };
      headersOf(code, reply.request, reply);
      return { statusCode: statusOf(code, reply.request), response };
    },
    context: (request) => ({
      deps,
      feeds,
      actor: request.actor,
      correlationId: request.id,
      operationName: asked.get(request)?.operationName,
    }),
    additionalRouteOptions: {
      schema: {},
      preValidation: async (request, reply) => {
        if (isUpgrade(request)) return;
        actorOf(request);
        const isAddress = request.method !== "POST";
        const found = isAddress ? askedInAddress(request.query) : askedIn(request.body);
        asked.set(request, found);
        if (isAddress) checkAddress(found);
        noteWellFormed(request);
        answerAs(request, reply);
      },
    },
  });

  server.graphql.addHook("preExecution", async (_, document, context, variables) =>
    checkExecution(document, context as unknown as Context, variables as Record<string, unknown> | undefined),
  );

  // Where a text is no GraphQL, mercurius takes it for a document written as JSON, which no limit has seen.
  server.graphql.addHook("preValidation", async (_, document) => {
    if (!(document?.loc instanceof Location)) throw new MillraceError("BAD_REQUEST", "query: this is not GraphQL");
    asWritten.set(document, agreeOnIds(document, schema));
  });
};
