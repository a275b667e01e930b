import type { FastifyRequest } from "fastify";
import type { z } from "zod";
import { MillraceError } from "../../../schemas/errors.ts";

/** A field that is null is one that is not there, as in protobuf's JSON. */
const withoutNulls = (given: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));

/** The query, the body and what the path names, in one object. BAD_REQUEST for a body that is no object. */
export const inputOf = ({ query, body, params }: FastifyRequest): Record<string, unknown> => {
  if (typeof (body ?? {}) !== "object" || Array.isArray(body)) {
    throw new MillraceError("BAD_REQUEST", "the body: expected a JSON object");
  }
  const { project: _, ...named } = params as Record<string, string>;
  return { ...(query as object), ...withoutNulls((body ?? {}) as object), ...named };
};

/** BAD_REQUEST naming the first field that is wrong. */
export const parsed = <Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> => {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const field = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  throw new MillraceError("BAD_REQUEST", `Invalid value for parameter '${field.slice(1)}': ${message}`);
};
