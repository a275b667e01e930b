import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  type DocumentNode,
  type ExecutionResult,
  getVariableValues,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  subscribe,
  validate,
} from "graphql";
import { uuidv7 } from "../infra/clock.ts";
import type { GraphContext } from "./context.ts";
import { correlationIdOf } from "./correlation.ts";
import type { Credentials, ServerDeps } from "./deps.ts";
import { asGraphQLError, type ErrorView, formatErrors } from "./errors.ts";
import { agreeOnIds } from "./id-variables.ts";
import { MAX_TOKENS } from "./limits/source.ts";
import { checkLimits, operationIn } from "./operation.ts";
import { type Asked, askedIn } from "./over-http.ts";
import { schema } from "./schema.ts";
import type { Operations, Results } from "./subscriptions/conversation.ts";
import type { Feeds } from "./subscriptions/feeds.ts";

/** What the client put into `connection_init`: headers themselves, or under `headers`. */
const initHeaders = (payload: Record<string, unknown>): Credentials["headers"] => {
  const { headers } = payload;
  const given = typeof headers === "object" && headers !== null ? headers : payload;
  const entries = Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
};

/** A document that may run, with its operation. What forbids it is thrown. */
const checked = ({ query, variables, operationName }: Asked): [DocumentNode, OperationDefinitionNode] => {
  const document = parse(query, { maxTokens: MAX_TOKENS });
  const asWritten = agreeOnIds(document, schema);
  const [error] = validate(schema, document);
  asWritten();
  if (error !== undefined) throw error;
  const operation = operationIn(document, operationName);
  checkLimits(document, variables);
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables ?? {}, { maxErrors: 1 });
  if (errors !== undefined) throw errors[0];
  return [document, operation];
};

const one = async function* (result: object): AsyncGenerator<object> {
  yield result;
};

/** What was executed has data, or null for it; the rest is a refusal. */
const thrownWithoutData = (result: ExecutionResult): ExecutionResult => {
  if (result.data === undefined && result.errors !== undefined) throw result.errors[0];
  return result;
};

/** Operations over the sockets of a server: subscriptions, and queries and mutations by the way that HTTP takes. */
export const socketOperations =
  (server: FastifyInstance, deps: ServerDeps, feeds: Feeds) =>
  (request: FastifyRequest): Operations => {
    const correlationId = correlationIdOf(request.raw);
    const view = (id: string): ErrorView => ({
      development: deps.settings.development,
      correlationId: id,
      logger: deps.logger,
    });

    const contextFor = async (connectionInit: Record<string, unknown>): Promise<GraphContext> => {
      const headers = { ...request.headers, ...initHeaders(connectionInit) };
      return { deps, feeds, correlationId, actor: await deps.authenticate({ headers }) };
    };

    const listen = async (document: DocumentNode, asked: Asked, contextValue: GraphContext): Promise<Results> => {
      const { variables: variableValues, operationName } = asked;
      const results = await subscribe({ schema, document, rootValue: {}, contextValue, variableValues, operationName });
      if (!(Symbol.asyncIterator in results)) throw results.errors?.[0];
      const next = async (): Promise<IteratorResult<object>> => {
        const { done, value } = await results.next();
        if (done === true) return { done, value: undefined };
        const { errors } = value;
        return {
          value: errors === undefined ? value : formatErrors({ ...value, errors }, view(correlationId)).response,
        };
      };
      return { next, return: () => results.return(undefined) as Promise<IteratorResult<object>> };
    };

    return {
      told: (error) => asGraphQLError(error, view(uuidv7())).toJSON(),
      async run(payload, connectionInit) {
        const asked = askedIn(payload);
        const [document, { operation }] = checked(asked);
        const context = await contextFor(connectionInit);
        if (operation === OperationTypeNode.SUBSCRIPTION) return listen(document, asked, context);
        const { query, variables, operationName } = asked;
        const values = { ...context, operationName };
        return one(thrownWithoutData(await server.graphql(query, values, variables ?? {}, operationName ?? undefined)));
      },
    };
  };
