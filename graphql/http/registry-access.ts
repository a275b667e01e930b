import type { FastifyRequest } from "fastify";
import { isMillraceError } from "../../schemas/errors.ts";
import { actorOf } from "../actor.ts";
import type { ServerDeps } from "../deps.ts";
import type { TopicCatalog } from "./topic-catalog.ts";

/** Who may do what with a subject: FORBIDDEN. */
export type RegistryAccess = {
  read(request: FastifyRequest, subject: string): Promise<void>;
  /** Those of the subjects that the actor may read. */
  readable(request: FastifyRequest, subjects: readonly string[]): Promise<string[]>;
  /** `action` on a subject, or without one on all of them: administrators of the platform. */
  write(request: FastifyRequest, action: "RegisterSchema" | "SetCompatibility", subject?: string): Promise<void>;
};

/** The topic of a subject, as Confluent's TopicNameStrategy names subjects. */
const topicOf = (subject: string): string => subject.replace(/-(key|value)$/, "");

/**
 * A subject is of the project whose event source has its topic; where there is none (a producer registers before
 * the source is defined; the platform's own subjects) of the one that its name begins with, up to the first dot.
 */
export const registryAccess = ({ gate }: Pick<ServerDeps, "gate">, catalog: TopicCatalog): RegistryAccess => {
  const projectOf = async (subject: string): Promise<string> => {
    const topic = topicOf(subject);
    return (await catalog.find(topic))?.project ?? topic.split(".", 1)[0];
  };

  return {
    async read(request, subject) {
      await gate.authorize(actorOf(request), "query:schema", await projectOf(subject));
    },
    async readable(request, subjects) {
      const actor = actorOf(request);
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
      const actor = actorOf(request);
      await gate.authorize(actor, action, subject === undefined ? "" : await projectOf(subject));
    },
  };
};
