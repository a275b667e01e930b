import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from "fastify";
import { incompatibilitiesWith } from "../../infra/schema-registry/compatibility.ts";
import type { RegisteredSchema, SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { avroType } from "../../schemas/codec.ts";
import type { MillraceError } from "../../schemas/errors.ts";
import { preview } from "../../schemas/preview.ts";
import type { ServerDeps } from "../deps.ts";
import { jsonParser } from "./json-body.ts";
import { refuseWith } from "./refusal.ts";
import { type RegistryAccess, registryAccess } from "./registry-access.ts";
import { configRoutes } from "./registry-config.ts";
import { refused, registryRefusals, V1 } from "./registry-refusal.ts";
import { topicCatalog } from "./topic-catalog.ts";

const bodyTypes = [V1, "application/vnd.schemaregistry+json", "application/json", "application/octet-stream"];

type Params = { subject: string; version: string; id: string };
type Query = { subject?: string; subjectPrefix?: string; verbose?: string };

const paramsOf = (request: FastifyRequest): Params => request.params as Params;
const queryOf = (request: FastifyRequest): Query => request.query as Query;

/**
 * The schema registry in the shape of Confluent's REST API, under `/registry`: Avro, without references, metadata, rule
 * sets, GUIDs, modes and contexts. Two schemas are compared as with `normalize=true`, whatever is asked. Schemas are never deleted: records name them for ever.
 */
export const registryDoor =
  (deps: ServerDeps): FastifyPluginAsync =>
  async (root) => {
    const { eventStore, logger, registry } = deps;
    const catalog = topicCatalog(eventStore, logger);
    root.addHook("onClose", () => catalog.close());
    const access = registryAccess(deps, catalog);
    await root.register(
      async (server) => {
        answerAsRegistry(server);
        refuseWith(server, deps, registryRefusals);
        server.get("/", { config: { isPublic: true } }, async () => ({}));
        subjectRoutes(server, registry, access);
        schemaRoutes(server, registry, access);
        compatibilityRoutes(server, registry, access);
        configRoutes(server, registry, access);
      },
      { prefix: "/registry" },
    );
  };

const answerAsRegistry = (server: FastifyInstance): void => {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(bodyTypes, { parseAs: "string" }, jsonParser({ empty: "nothing" }));
  server.addHook("onRequest", async (_, reply) => {
    reply.type(V1);
  });
};

/** What would be lost if it were taken. Confluent's clients send null, or nothing, where they do not use it. */
const refuseUnkept = ({ metadata, ruleSet, id, version }: Record<string, unknown>): void => {
  if (ruleSet != null) throw refused(42201, "Invalid schema: rule sets are not supported");
  if (metadata != null) throw refused(42201, "Invalid schema: metadata is not kept here; leave it out");
  if ([id, version].some((number) => typeof number === "number" && number > 0)) {
    throw refused(42205, "Subject is not in import mode: the registry gives ids and versions itself, leave them out");
  }
};

/** The Avro schema in a body `{ schema, schemaType?, references? }`. */
const schemaIn = (body: unknown): string => {
  const { schema, schemaType, references } = (body ?? {}) as Record<string, unknown>;
  if (schemaType != null && schemaType !== "AVRO") {
    throw refused(42201, `Invalid schema type ${preview(schemaType)}: this registry holds AVRO`);
  }
  if (Array.isArray(references) && references.length > 0) {
    throw refused(42201, "Invalid schema: references are not supported, write the types into the schema");
  }
  refuseUnkept((body ?? {}) as Record<string, unknown>);
  if (typeof schema === "string" && schema !== "") return schema;
  throw refused(42201, "Empty schema");
};

const noSubject = (subject: string): MillraceError => refused(40401, `Subject '${subject}' not found.`);

/** The version that a path names: a number, `latest` or -1. */
const versionIn = async (registry: SchemaRegistry, { subject, version }: Params): Promise<RegisteredSchema> => {
  if (version === "latest" || version === "-1") {
    const latest = await registry.latest(subject);
    if (latest === null) throw noSubject(subject);
    return latest;
  }
  const number = Number(version);
  if (!/^\d+$/.test(version) || number < 1 || number > 0x7fffffff) {
    const allowed = 'Allowed values are between [1, 2^31-1] and the string "latest"';
    throw refused(42202, `The specified version '${version}' is not a valid version id. ${allowed}`);
  }
  const versions = await registry.versions(subject);
  if (versions.length === 0) throw noSubject(subject);
  const found = versions.find((entry) => entry.version === number);
  if (found === undefined) throw refused(40402, `Version ${version} not found.`);
  return found;
};

const neverDeleted = (): never => {
  throw refused(405, "Schemas are never deleted here: stored records name them. Register the next version instead.");
};

const subjectRoutes = (server: FastifyInstance, registry: SchemaRegistry, access: RegistryAccess): void => {
  server.get("/subjects", async (request) => {
    const { subjectPrefix = "" } = queryOf(request);
    const subjects = await registry.subjects();
    return access.readable(
      request,
      subjects.filter((subject) => subject.startsWith(subjectPrefix)),
    );
  });

  server.get("/subjects/:subject/versions", async (request) => {
    const { subject } = paramsOf(request);
    await access.read(request, subject);
    const versions = await registry.versions(subject);
    if (versions.length === 0) throw noSubject(subject);
    return versions.map(({ version }) => version);
  });

  server.post("/subjects/:subject/versions", async (request) => {
    const { subject } = paramsOf(request);
    await access.write(request, "RegisterSchema", subject);
    const { id, version, schema } = await registry.register(subject, schemaIn(request.body));
    return { id, version, schema };
  });

  server.post("/subjects/:subject", async (request) => {
    const { subject } = paramsOf(request);
    await access.read(request, subject);
    const found = await registry.find(subject, schemaIn(request.body));
    if (found !== null) return found;
    if ((await registry.latest(subject)) === null) throw noSubject(subject);
    throw refused(40403, "Schema not found");
  });

  server.get("/subjects/:subject/versions/:version", async (request) => {
    await access.read(request, paramsOf(request).subject);
    return versionIn(registry, paramsOf(request));
  });

  server.get("/subjects/:subject/versions/:version/schema", async (request) => {
    await access.read(request, paramsOf(request).subject);
    return (await versionIn(registry, paramsOf(request))).schema;
  });

  server.get("/subjects/:subject/versions/:version/referencedby", async (request) => {
    await access.read(request, paramsOf(request).subject);
    await versionIn(registry, paramsOf(request));
    return [];
  });

  for (const path of ["/subjects/:subject", "/subjects/:subject/versions/:version"]) {
    server.delete(path, async () => neverDeleted());
  }
};

const schemaRoutes = (server: FastifyInstance, registry: SchemaRegistry, access: RegistryAccess): void => {
  /** Who may read one of its subjects may read a schema. */
  const readableUses = async (request: FastifyRequest): Promise<{ subject: string; version: number }[]> => {
    const { id } = paramsOf(request);
    const uses = /^\d+$/.test(id) ? await registry.uses(Number(id)) : [];
    const subjects = await access.readable(
      request,
      uses.map(({ subject }) => subject),
    );
    const readable = uses.filter(({ subject }) => subjects.includes(subject));
    if (readable.length === 0) throw refused(40403, `Schema ${id} not found`);
    return readable;
  };
  const schemaOf = async (request: FastifyRequest): Promise<string> => {
    await readableUses(request);
    return registry.byId(Number(paramsOf(request).id));
  };

  server.get("/schemas/types", async () => ["AVRO"]);
  server.get("/schemas/guids/:guid", async () => {
    throw refused(40403, "Schemas have no GUIDs here: write records with the schema id before the value");
  });
  server.get("/schemas/ids/:id", async (request) => ({ schema: await schemaOf(request) }));
  server.get("/schemas/ids/:id/schema", schemaOf);
  server.get("/schemas/ids/:id/versions", readableUses);
  server.get("/schemas/ids/:id/subjects", async (request) =>
    (await readableUses(request)).map(({ subject }) => subject),
  );
};

const compatibilityRoutes = (server: FastifyInstance, registry: SchemaRegistry, access: RegistryAccess): void => {
  const verdict = (request: FastifyRequest, reasons: string[]) => ({
    is_compatible: reasons.length === 0,
    ...(queryOf(request).verbose === "true" ? { messages: reasons } : {}),
  });

  server.post("/compatibility/subjects/:subject/versions", async (request) => {
    const { subject } = paramsOf(request);
    await access.read(request, subject);
    return verdict(request, (await registry.check(subject, schemaIn(request.body))).reasons);
  });

  server.post("/compatibility/subjects/:subject/versions/:version", async (request) => {
    const params = paramsOf(request);
    await access.read(request, params.subject);
    const schema = schemaIn(request.body);
    avroType(schema);
    const isNew = params.version === "latest" && (await registry.latest(params.subject)) === null;
    if (isNew) return verdict(request, []);
    const against = await versionIn(registry, params);
    const level = (await registry.compatibility(params.subject)) ?? (await registry.compatibility());
    return verdict(request, await incompatibilitiesWith(level ?? "BACKWARD", schema, [against.schema]));
  });
};
