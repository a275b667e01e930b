import type { FastifyRequest } from "fastify";
import type { Actor } from "../../commands/gate.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import type { ServerDeps } from "../deps.ts";
import type { TopicCatalog } from "./topic-catalog.ts";

/** Who may do what with a subject. Every function first establishes the actor: UNAUTHENTICATED, then FORBIDDEN. */
export type RegistryAccess = {
  /** For what belongs to no project. */
  known(request: FastifyRequest): Promise<void>;
  read(request: FastifyRequest, subject: string): Promise<void>;
  /** Those of the subjects that the actor may read. */
  readable(request: FastifyRequest, subjects: readonly string[]): Promise<string[]>;
  /** `action` on a subject, or without one on all of them: administrators of the platform. */
  write(request: FastifyRequest, action: "RegisterSchema" | "SetCompatibility", subject?: string): Promise<void>;
};

/** The topic of a subject, as Confluent's TopicNameStrategy names subjects. */
const topicOf = (subject: string): string => subject.replace(/-(key|value)$/, "");

/** Many clients speak Basic only: the password is the token, whatever the user is called. */
export const asBearer = (authorization: string | undefined): string | null => {
  const basic = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? "")?.[1];
  if (basic === undefined) return null;
  const credentials = Buffer.from(basic, "base64").toString("utf8");
  return `Bearer ${credentials.slice(credentials.indexOf(":") + 1)}`;
};

/**
 * A subject is of the project whose event source has its topic; where there is none (a producer registers before
 * the source is defined; the platform's own subjects) of the one that its name begins with, up to the first dot.
 */
export const registryAccess = (
  { authenticate, gate }: Pick<ServerDeps, "authenticate" | "gate">,
  catalog: TopicCatalog,
): RegistryAccess => {
  const actorOf = (request: FastifyRequest): Promise<Actor> => {
    const { authorization } = request.headers;
    const headers = { ...request.headers, authorization: asBearer(authorization) ?? authorization };
    return authenticate({ headers });
  };
  const projectOf = async (subject: string): Promise<string> => {
    const topic = topicOf(subject);
    return (await catalog.find(topic))?.project ?? topic.split(".", 1)[0];
  };

  return {
    async known(request) {
      await actorOf(request);
    },
    async read(request, subject) {
      await gate.authorize(await actorOf(request), "query:schema", await projectOf(subject));
    },
    async readable(request, subjects) {
      const actor = await actorOf(request);
      const readable: string[] = [];
      for (const subject of subjects) {
        try {
          await gate.authorize(actor, "query:schema", await projectOf(subject));
          readable.push(subject);
        } catch (error) {
          if (!isMillraceError(error, "FORBIDDEN")) throw error;
        }
      }
      return readable;
    },
    async write(request, action, subject) {
      const actor = await actorOf(request);
      await gate.authorize(actor, action, subject === undefined ? "" : await projectOf(subject));
    },
  };
};
