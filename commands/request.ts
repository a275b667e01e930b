import { z } from "zod";
import { MillraceError } from "../schemas/errors.ts";
import { streamName } from "../schemas/lifecycle.ts";
import { slug } from "./fields.ts";
import type { Handler } from "./handler.ts";
import { handlers } from "./handlers.ts";
import { uuidv5 } from "./identity.ts";
import { type CommandType, commandTypes, payloads } from "./payloads.ts";

type Envelope = {
  type: string;
  project: string;
  payload: unknown;
  idempotencyKey?: string;
  correlationId?: string;
  causationId?: string;
  reason?: string;
};

/** A request whose payload is complete and whose stream is known. */
export type Targeted = { handler: Handler; payload: unknown; id: string; stream: string };

const id = z.string().min(1).max(200).optional();
const envelope = z.object({
  project: slug,
  idempotencyKey: id,
  correlationId: id,
  causationId: id,
  reason: z.string().max(2000).optional(),
});

/** BAD_REQUEST, naming each field and what it should be. */
const badRequest = (error: z.ZodError, context: string): MillraceError => {
  const issues = error.issues.map(({ path, message }) => ({ field: path.join("."), message }));
  const said = issues.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`)).join("; ");
  return new MillraceError("BAD_REQUEST", `${context}: ${said}`, { details: { issues } });
};

const isCommand = (type: string): type is CommandType => Object.hasOwn(payloads, type);

/** The handler of a request whose envelope is in order. BAD_REQUEST, listing the commands when the type is none. */
export const checkEnvelope = (request: Envelope): Handler => {
  if (!isCommand(request.type)) {
    throw new MillraceError("BAD_REQUEST", `unknown command "${request.type}"; known are ${commandTypes.join(", ")}`);
  }
  const checked = envelope.safeParse(request);
  if (!checked.success) throw badRequest(checked.error, request.type);
  return handlers[request.type];
};

/** The payload with its defaults. BAD_REQUEST naming the fields. */
export const parsePayload = ({ type, payload }: Envelope): unknown => {
  const parsed = payloads[type as CommandType].safeParse(payload);
  if (!parsed.success) throw badRequest(parsed.error, type);
  return parsed.data;
};

/** Which aggregate the command is for. Where it names none, the idempotency key does, so that a retry finds it. */
export const identify = (request: Envelope, handler: Handler, payload: unknown, newId: () => string): Targeted => {
  const { project, idempotencyKey: key } = request;
  const made = () => (key === undefined ? newId() : uuidv5(`${project}\n${key}\nid`));
  const target = handler.id(payload, project) ?? handler.idFrom(made());
  if (handler.aggregate === "project" && target !== project) {
    throw new MillraceError("BAD_REQUEST", `id: "${target}" must be the project of the request, "${project}"`);
  }
  return { handler, payload, id: target, stream: streamName(handler.aggregate, project, target) };
};
