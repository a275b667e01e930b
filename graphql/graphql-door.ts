import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  type DocumentNode,
  GraphQLError,
  getOperationAST,
  getVariableValues,
  Location,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  validate,
} from "graphql";
import { type MercuriusContext, mercurius } from "mercurius";
import { uuidv7 } from "../infra/clock.ts";
import { errorTable, MillraceError } from "../schemas/errors.ts";
import { actorOf } from "./actor.ts";
import type { GraphContext } from "./context.ts";
import { correlationIdOf } from "./correlation.ts";
import type { Credentials, ServerDeps } from "./deps.ts";
import { asGraphQLError, type ErrorView, formatErrors } from "./errors.ts";
import { parseJson } from "./http/json-body.ts";
import { checkCost } from "./limits/cost.ts";
import { checkDepth } from "./limits/depth.ts";
import { checkSource, MAX_TOKENS } from "./limits/source.ts";
import { operationsOf } from "./limits/walk.ts";
import { schema } from "./schema.ts";
import type { Feeds } from "./subscriptions/feeds.ts";
import { guardSockets, type SocketLimits, type Subscribing } from "./subscriptions/socket-guard.ts";

const PATH = "/graphql";
/** Documents that are kept parsed, and refusals of others: each may hold `MAX_TOKENS`. */
const KEPT_DOCUMENTS = 256;
const MAX_NAME = 256;

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
  if (operationName != null && (typeof operationName !== "string" || operationName.length > MAX_NAME)) {
    refuse(`operationName: expected a name of at most ${MAX_NAME} characters`);
  }
  checkSource(query as string);
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

/** The operation that a request runs. BAD_REQUEST where the document does not say which. */
const operationIn = (document: DocumentNode, operationName?: string | null): OperationDefinitionNode => {
  const operation = getOperationAST(document, operationName);
  if (operation != null) return operation;
  const named = operationName == null ? "name the one to run" : `there is none called "${operationName}"`;
  throw new MillraceError("BAD_REQUEST", `operationName: the document has not one operation, ${named}`);
};

/** mercurius executes subscriptions without validating them, and parses their documents without a limit. */
const checkSubscription = ({ query, variables, operationName }: Subscribing): void => {
  checkSource(query);
  const document = parse(query, { maxTokens: MAX_TOKENS });
  const [error] = validate(schema, document);
  if (error !== undefined) throw error;
  const operation = operationIn(document, operationName);
  if (operation.operation !== OperationTypeNode.SUBSCRIPTION) {
    throw new MillraceError("BAD_REQUEST", "a socket takes subscriptions only: POST queries and mutations");
  }
  checkLimits(document, variables);
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {}, { maxErrors: 1 });
  if (errors !== undefined) throw errors[0];
};

/** mercurius would run the field of a subscription as a query's. */
const refuseSubscription = (document: DocumentNode, body: unknown): void => {
  const { operationName } = (isPlainObject(body) ? body : {}) as { operationName?: string };
  if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION) return;
  throw new MillraceError("BAD_REQUEST", "subscriptions are for sockets: open one at this address");
};

/** By GET everything stands in the address. mercurius takes for granted that there is an operation. */
const checkAddress = ({ query, variables, operationName }: Body): void => {
  if (variables != null) parseJson(String(variables));
  try {
    const { operation } = operationIn(parse(query as string, { maxTokens: MAX_TOKENS }), operationName as string);
    if (operation !== OperationTypeNode.QUERY)
      throw new MillraceError("BAD_REQUEST", `GET takes no ${operation}: POST it`);
  } catch (error) {
    // mercurius tells where in the text an error of syntax is.
    if (!(error instanceof GraphQLError)) throw error;
  }
};

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
  options: { jit: number; limits?: Partial<SocketLimits> },
): Promise<void> => {
  const { development } = deps.settings;
  const view = (correlationId: string): ErrorView => ({ development, correlationId, logger: deps.logger });

  // mercurius asks its CSRF header of the upgrade to a socket, too, where no client sends it: `checkOrigin` guards those.
  server.addHook("onRequest", (request, _, done) => {
    if (request.headers.upgrade !== undefined) request.headers["mercurius-require-preflight"] = "1";
    done();
  });

  guardSockets(
    server,
    {
      check: checkSubscription,
      told: (error) => asGraphQLError(error, view(uuidv7())).toJSON(),
    },
    options.limits,
  );

  await server.register(mercurius, {
    schema,
    path: PATH,
    jit: options.jit,
    ...compiler,
    graphiql: development,
    csrfPrevention: true,
    allowBatchedQueries: false,
    cache: KEPT_DOCUMENTS,
    graphql: { parseOptions: { maxTokens: MAX_TOKENS } },
    errorFormatter: (execution, raw) => {
      const { correlationId = "", reply } = raw as unknown as Partial<Context>;
      const formatted = formatErrors(execution, view(correlationId));
      if (formatted.statusCode === errorTable.OVERLOADED.status) reply?.header("retry-after", "1");
      return formatted;
    },
    context: (request) => ({ deps, feeds, actor: request.actor, correlationId: request.id }),
    additionalRouteOptions: {
      schema: {},
      preValidation: async (request) => {
        if ((request as { ws?: boolean }).ws === true) return;
        actorOf(request);
        if (request.method !== "GET") return checkBody(request.body);
        const { query, operationName } = request.query as Body;
        checkBody({ query, operationName });
        checkAddress(request.query as Body);
      },
    },
    subscription: {
      context: (_, request) => ({ deps, feeds, correlationId: correlationIdOf(request.raw) }),
    },
  });

  server.graphql.addHook("preExecution", async (_, document, context, variables) => {
    refuseSubscription(document, context.reply.request.body);
    checkLimits(document, variables as Record<string, unknown> | undefined);
  });

  // Where a text is no GraphQL, mercurius takes it for a document written as JSON, which no limit has seen.
  server.graphql.addHook("preValidation", async (_, document) => {
    if (!(document?.loc instanceof Location)) throw new MillraceError("BAD_REQUEST", "query: this is not GraphQL");
  });

  server.graphql.addHook("preSubscriptionExecution", async (_, __, raw) => {
    const context = raw as unknown as Context;
    try {
      const headers = { ...context.request?.headers, ...initHeaders(context._connectionInit) };
      context.actor = await deps.authenticate({ headers });
    } catch (error) {
      throw asGraphQLError(error, view(context.correlationId));
    }
  });
};
