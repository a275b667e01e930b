import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Compatibility, compatibilityLevels, type SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { preview } from "../../schemas/preview.ts";
import type { RegistryAccess } from "./registry-access.ts";
import { refused } from "./registry-refusal.ts";

type Params = { subject?: string };
type Query = { defaultToGlobal?: string };

const levelIn = (body: unknown): Compatibility => {
  const given = (body as { compatibility?: unknown } | null | undefined)?.compatibility;
  const level = compatibilityLevels.find((name) => name === String(given).toUpperCase());
  if (level !== undefined) return level;
  throw refused(42203, `Invalid compatibility level ${preview(given)}: one of ${compatibilityLevels.join(", ")}`);
};

const subjectOf = (request: FastifyRequest): string | undefined => (request.params as Params).subject;

/** `/config` and `/config/{subject}`: compatibility levels. `/mode`: always READWRITE. */
export const configRoutes = (server: FastifyInstance, registry: SchemaRegistry, access: RegistryAccess): void => {
  const orGlobal = (request: FastifyRequest): boolean => (request.query as Query).defaultToGlobal === "true";

  const levelOf = async (subject: string | undefined, fallBack: boolean): Promise<Compatibility> => {
    const level = (await registry.compatibility(subject)) ?? (fallBack ? await registry.compatibility() : null);
    if (level !== null) return level;
    throw refused(40408, `Subject '${subject}' does not have subject-level compatibility configured`);
  };

  for (const path of ["/config", "/config/:subject"]) {
    server.get(path, async (request) => {
      const subject = subjectOf(request);
      if (subject !== undefined) await access.read(request, subject);
      return { compatibilityLevel: await levelOf(subject, orGlobal(request)) };
    });

    server.put(path, async (request) => {
      const subject = subjectOf(request);
      await access.write(request, "SetCompatibility", subject);
      const compatibility = levelIn(request.body);
      await registry.setCompatibility(subject, compatibility);
      return { compatibility };
    });

    server.delete(path, async (request) => {
      const subject = subjectOf(request);
      await access.write(request, "SetCompatibility", subject);
      const compatibilityLevel = await levelOf(subject, false);
      await registry.setCompatibility(subject, null);
      return { compatibilityLevel };
    });
  }

  server.get("/mode", async () => ({ mode: "READWRITE" }));

  server.get("/mode/:subject", async (request) => {
    const subject = subjectOf(request) as string;
    await access.read(request, subject);
    if (orGlobal(request)) return { mode: "READWRITE" };
    throw refused(40409, `Subject '${subject}' does not have subject-level mode configured`);
  });
};
