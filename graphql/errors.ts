import { type FormattedExecutionResult, GraphQLError } from "graphql";
import type { Logger } from "pino";
import { asMillraceError, type ErrorCode, errorTable, MillraceError } from "../schemas/errors.ts";

export type ErrorView = { development: boolean; correlationId: string; logger: Logger };

type Carrier = { code?: unknown; statusCode?: unknown; message: string };

/** What the error really was: the framework and the executor wrap what resolvers throw. */
const rootOf = (error: unknown): unknown =>
  error instanceof GraphQLError && error.originalError !== undefined ? rootOf(error.originalError) : error;

/** What follows a stranger's value calls itself once for each level, and V8 ends that with this error. */
export const isStackOverflow = (error: unknown): boolean =>
  error instanceof RangeError && error.message === "Maximum call stack size exceeded";

/**
 * Any failure on its way out, as a coded one. Refusals of the frameworks (a syntax error, a variable of the wrong
 * type, a body that is no JSON) are the caller's: BAD_REQUEST.
 */
export const codedError = (error: unknown): MillraceError => {
  const root = rootOf(error);
  if (root instanceof MillraceError) return root;
  if (root instanceof GraphQLError) return new MillraceError("BAD_REQUEST", root.message);
  const { code, statusCode, message } = (root ?? {}) as Carrier;
  if (typeof code === "string" && code.startsWith("MER_ERR_") && code !== "MER_ERR_GQL_INVALID_SCHEMA") {
    return new MillraceError("BAD_REQUEST", message, { cause: root });
  }
  if (isStackOverflow(root)) return new MillraceError("BAD_REQUEST", "the request nests too deeply", { cause: root });
  if (statusCode === 404) return new MillraceError("NOT_FOUND", message, { cause: root });
  if (statusCode === 415) return new MillraceError("UNSUPPORTED_MEDIA_TYPE", message, { cause: root });
  if (statusCode === 413) return new MillraceError("RECORD_TOO_LARGE", message, { cause: root });
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new MillraceError("BAD_REQUEST", message, { cause: root });
  }
  return asMillraceError(root);
};

/** The message that a caller may see: a defect's own words stay in the log, but for development. */
export const shownMessage = (error: MillraceError, development: boolean): string =>
  error.code === "INTERNAL" && !development ? errorTable.INTERNAL.meaning : error.message;

const level = (code: ErrorCode): "error" | "info" => (errorTable[code].status >= 500 ? "error" : "info");

export const logFailure = (error: MillraceError, view: ErrorView): void => {
  const bindings = { code: error.code, correlationId: view.correlationId };
  if (level(error.code) === "error") view.logger.error({ ...bindings, err: error }, error.message);
  else view.logger.info(bindings, error.message);
};

/** One error of a GraphQL answer: `extensions { code, retryable, details, correlationId }`. */
const graphQLError = (error: unknown, view: ErrorView): NonNullable<FormattedExecutionResult["errors"]>[number] => {
  const coded = codedError(error);
  logFailure(coded, view);
  const { locations, path } = error as Partial<GraphQLError>;
  return {
    message: shownMessage(coded, view.development),
    ...(locations === undefined ? {} : { locations }),
    ...(path === undefined ? {} : { path }),
    extensions: {
      code: coded.code,
      retryable: coded.retryable,
      details: coded.details,
      correlationId: view.correlationId,
    },
  };
};

/** A failure as an operation over a socket is told it. */
export const asGraphQLError = (error: unknown, view: ErrorView): GraphQLError => {
  const { message, extensions } = graphQLError(error, view);
  return new GraphQLError(message, { extensions, originalError: error instanceof Error ? error : undefined });
};

/** mercurius puts the errors of validation into `errors` of the one that it throws. */
const flatten = (error: unknown): unknown[] => {
  const inner = (rootOf(error) as { errors?: unknown } | undefined)?.errors;
  return Array.isArray(inner) ? inner : [error];
};

/**
 * The errors of one request, and the code of the first where nothing was executed: that decides the status, as GraphQL
 * over HTTP wants it. Such an answer has no `data`, not even null.
 */
export const formatErrors = (
  execution: { data?: unknown; errors: readonly unknown[] },
  view: ErrorView,
): { code: ErrorCode | null; response: FormattedExecutionResult } => {
  const errors = execution.errors.flatMap(flatten).map((error) => graphQLError(error, view));
  const { data } = execution as FormattedExecutionResult;
  if (data !== undefined) return { code: null, response: { data, errors } };
  return { code: errors[0].extensions?.code as ErrorCode, response: { errors } };
};
