import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, errorTable, MillraceError } from "../schemas/errors.ts";
import { parseJson } from "./http/json-body.ts";
import { checkSource } from "./limits/source.ts";

/** GraphQL over HTTP: https://graphql.github.io/graphql-over-http/draft/ */
const RESPONSE = "application/graphql-response+json";
const JSON_TYPE = "application/json";
const MAX_NAME = 256;

/** What a request asks for, its members of the types that they must have. */
export type Asked = {
  query: string;
  variables?: Record<string, unknown> | null;
  operationName?: string | null;
};

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A client that has never sent the text itself hears that it must, in words that Apollo's and urql's links know. */
const refusePersisted = (extensions: unknown): void => {
  if (isPlainObject(extensions) && isPlainObject(extensions.persistedQuery)) {
    throw new MillraceError("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported");
  }
};

const refuse = (message: string): never => {
  throw new MillraceError("BAD_REQUEST", message);
};

/** The members that GraphQL over HTTP knows, each of its type. BAD_REQUEST, PERSISTED_QUERY_NOT_SUPPORTED. */
export const askedIn = (body: unknown): Asked => {
  if (Array.isArray(body)) refuse("batches are not taken: send each operation in a request of its own");
  const { query, variables, operationName, extensions } = isPlainObject(body) ? body : {};
  if (extensions != null && !isPlainObject(extensions)) refuse("extensions: expected an object");
  if (query == null) refusePersisted(extensions);
  if (typeof query !== "string") refuse("query: expected the text of a GraphQL document");
  if (variables != null && !isPlainObject(variables)) refuse("variables: expected an object");
  if (operationName != null && (typeof operationName !== "string" || operationName.length > MAX_NAME)) {
    refuse(`operationName: expected a name of at most ${MAX_NAME} characters`);
  }
  checkSource(query as string);
  return { query, variables, operationName } as Asked;
};

/** In an address, `variables` and `extensions` are JSON texts. */
export const askedInAddress = (address: unknown): Asked => {
  const { variables, extensions, ...others } = address as Record<string, unknown>;
  const parsed = (text: unknown): unknown => (text === undefined || text === "" ? undefined : parseJson(String(text)));
  return askedIn({ ...others, variables: parsed(variables), extensions: parsed(extensions) });
};

/** Headers that no page can send to another site without asking by a preflight. */
const preflighted = [
  "apollo-require-preflight",
  "x-apollo-operation-name",
  "graphql-require-preflight",
  "mercurius-require-preflight",
  "x-mercurius-operation-name",
];

/** BAD_REQUEST for a GET that any page's link, image or form could send. Of a POST, the content type is enough. */
const checkPreflight = ({ method, headers }: FastifyRequest): void => {
  if (method !== "GET" && method !== "HEAD") return;
  if (headers["content-type"]?.split(";", 1)[0].trim().toLowerCase() === JSON_TYPE) return;
  if (preflighted.some((name) => headers[name] !== undefined)) return;
  refuse(
    `a GET needs the header ${preflighted[0]}: true (or ${preflighted.slice(1, 4).join(", ")}, or content-type: ` +
      `${JSON_TYPE}), so that no page of another site can send it; or POST the query as ${JSON_TYPE}`,
  );
};

/** Refuses what may come from a page of another site, before its body is read. Upgrades are left to `checkOrigin`. */
export const requirePreflight = (server: FastifyInstance, path: string): void => {
  server.addHook("onRequest", (request, _, done) => {
    if (request.routeOptions.url === path && request.headers.upgrade === undefined) checkPreflight(request);
    done();
  });
};

type Range = { type: string; quality: number };

const rangesOf = (accept: string): Range[] =>
  accept.split(",").map((part) => {
    const [type, ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) || 0 };
  });

/** The media type of the answer. Who accepts neither, or anything, gets plain JSON. */
const mediaTypeFor = ({ headers }: FastifyRequest): string => {
  const ranges = rangesOf(headers.accept ?? "");
  const of = (type: string): number => ranges.find((range) => range.type === type)?.quality ?? 0;
  return of(RESPONSE) > 0 && of(RESPONSE) >= of(JSON_TYPE) ? RESPONSE : JSON_TYPE;
};

const namesJson = ({ headers }: FastifyRequest): boolean =>
  rangesOf(headers.accept ?? "").some(({ type, quality }) => type === JSON_TYPE && quality > 0);

const wellFormed = new WeakSet<FastifyRequest>();

/** The request itself was in order: what is refused from here on is its document. */
export const noteWellFormed = (request: FastifyRequest): void => void wellFormed.add(request);

export const answerAs = (request: FastifyRequest, reply: FastifyReply): void => {
  reply.type(`${mediaTypeFor(request)}; charset=utf-8`);
};

/**
 * The status of an answer without data. Who asks for `application/json` by name gets 200 for a document that is
 * refused: clients from before `application/graphql-response+json` take every other status for the network's. A link
 * for persisted queries wants 200, too.
 */
export const statusOf = (code: ErrorCode, request: FastifyRequest): number => {
  if (code === "PERSISTED_QUERY_NOT_SUPPORTED") return 200;
  const { status } = errorTable[code];
  const isDocuments = status === 400 && wellFormed.has(request);
  return isDocuments && namesJson(request) && mediaTypeFor(request) === JSON_TYPE ? 200 : status;
};
