import { avroType } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type RegistryAnswer, registryHttp } from "./confluent-http.ts";
import {
  type Compatibility,
  compatibilityLevels,
  defaultCompatibility,
  type RegisteredSchema,
  type SchemaRegistry,
} from "./port.ts";

type Entry = RegisteredSchema & { schemaType?: string };

const absent: readonly number[] = [40401, 40402, 40403, 40408];
const maxAttempts = 5;
const segment = encodeURIComponent;

/** What registries that compare texts take for equal when only its spaces differ. */
const compact = (schema: string): string => JSON.stringify(JSON.parse(schema));

type Verdict = { is_compatible?: boolean; messages?: string[]; reason?: string };

/**
 * Any registry that speaks Confluent's REST API: Confluent's own, Karapace, Redpanda, Apicurio, another Millrace. Its
 * levels rule: one that nobody has set is the registry's default, not ours. What cannot change is asked once: ids,
 * versions, registrations. Subjects of JSON Schema and Protobuf are left out.
 *
 * Over HTTP rather than by @kafkajs/confluent-schema-registry, whose `register` writes the subject's level or refuses
 * to go on, and which keeps neither the version, the schema's text nor the registry's error number.
 */
export const confluentSchemaRegistry = async (
  url: string,
  options: { timeoutMs?: number } = {},
): Promise<SchemaRegistry> => {
  const { request, close, where } = registryHttp(url, options.timeoutMs);
  const schemas = new Map<number, Promise<string>>();
  const entries = new Map<string, Promise<Entry | null>>();
  const registrations = new Map<string, Promise<RegisteredSchema>>();

  const unexpected = ({ code, message }: RegistryAnswer): MillraceError =>
    new MillraceError("ENGINE_REFUSED", `the schema registry at ${where} refused: ${message}`, { details: { code } });

  /** The body of an answer, null where the thing that it asks for is not there. */
  const bodyOf = <T>(answer: RegistryAnswer): T | null => {
    if (answer.status < 300) return answer.body as T;
    if (answer.code === 42201 || (answer.status === 422 && answer.code === 422)) {
      throw new MillraceError("INVALID_SCHEMA", answer.message);
    }
    if (answer.status === 404 && absent.includes(answer.code)) return null;
    throw unexpected(answer);
  };
  const get = async <T>(path: string): Promise<T | null> => bodyOf<T>(await request("GET", path));

  const numbersOf = async (subject: string): Promise<number[]> =>
    (await get<number[]>(`/subjects/${segment(subject)}/versions`)) ?? [];

  const levelAt = async (path: string): Promise<Compatibility | null> => {
    const config = await get<{ compatibilityLevel?: string }>(path);
    if (config === null) return null;
    const level = compatibilityLevels.find((name) => name === config.compatibilityLevel?.toUpperCase());
    if (level !== undefined) return level;
    throw new MillraceError("ENGINE_REFUSED", `the schema registry at ${where} has a level that is not known`, {
      details: { level: config.compatibilityLevel },
    });
  };

  const find = async (subject: string, schema: string): Promise<RegisteredSchema | null> =>
    avroEntry(bodyOf<Entry>(await request("POST", `/subjects/${segment(subject)}`, { schema })));

  const versionOf = (subject: string, version: number): Promise<Entry | null> =>
    kept(entries, `${version} ${subject}`, () => get<Entry>(`/subjects/${segment(subject)}/versions/${version}`));

  const checkAgainst = async (subject: string, which: string | number, schema: string): Promise<string[]> => {
    const path = `/compatibility/subjects/${segment(subject)}/versions/${which}?verbose=true`;
    return reasonsIn(bodyOf<Verdict>(await request("POST", path, { schema })));
  };
  /** The path without a version would do, but registries disagree on which versions that compares with. */
  const reasonsAgainst = async (subject: string, schema: string): Promise<string[]> => {
    const level = (await levelAt(`${levelPath(subject)}?defaultToGlobal=true`)) ?? (await levelAt("/config"));
    if (!level?.endsWith("_TRANSITIVE")) return checkAgainst(subject, "latest", schema);
    const numbers = await numbersOf(subject);
    return (await Promise.all(numbers.map((version) => checkAgainst(subject, version, schema)))).flat();
  };

  const registerOnce = async (subject: string, schema: string): Promise<RegisteredSchema> => {
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      const answer = await request("POST", `/subjects/${segment(subject)}/versions`, { schema });
      if (answer.status !== 409) {
        if (bodyOf(answer) === null) throw unexpected(answer);
        const entry = await find(subject, schema);
        if (entry !== null) return entry;
        continue;
      }
      // 409 is also what some registries say to the later of two who register at once.
      const reasons = await reasonsAgainst(subject, schema);
      if (reasons.length === 0) continue;
      throw new MillraceError("INCOMPATIBLE_SCHEMA", `${answer.message}: ${reasons.join("; ")}`, {
        details: { subject, reasons },
      });
    }
    throw new MillraceError("CONFLICT", `others kept writing to ${subject} in the schema registry: try again`);
  };

  const registry: SchemaRegistry = {
    async register(subject, schema) {
      avroType(schema);
      const entry = await kept(registrations, `${subject} ${schema}`, () => registerOnce(subject, compact(schema)));
      return { ...entry };
    },
    async check(subject, schema) {
      avroType(schema);
      const reasons = await reasonsAgainst(subject, compact(schema));
      // Registering what is there already is always accepted.
      if (reasons.length === 0 || (await find(subject, compact(schema))) !== null) {
        return { compatible: true, reasons: [] };
      }
      return { compatible: false, reasons };
    },
    async find(subject, schema) {
      avroType(schema);
      return find(subject, compact(schema));
    },
    byId: (id) =>
      kept(schemas, id, async () => {
        const entry = await get<Entry>(`/schemas/ids/${id}`);
        if (entry === null) {
          throw new MillraceError("UNKNOWN_SCHEMA", `schema id ${id} is not registered at ${where}`, {
            details: { schemaId: id },
          });
        }
        if (isAvro(entry)) return entry.schema;
        throw new MillraceError("INVALID_SCHEMA", `schema id ${id} is ${entry.schemaType}, Millrace reads AVRO`);
      }),
    uses: async (id) => (await get<{ subject: string; version: number }[]>(`/schemas/ids/${id}/versions`)) ?? [],
    latest: async (subject) => avroEntry(await get<Entry>(`/subjects/${segment(subject)}/versions/latest`)),
    async versions(subject) {
      const found = await Promise.all((await numbersOf(subject)).map((version) => versionOf(subject, version)));
      return found.map(avroEntry).filter((entry) => entry !== null);
    },
    subjects: async () => ((await get<string[]>("/subjects")) ?? []).sort(),
    compatibility: (subject) => levelAt(levelPath(subject)),
    async setCompatibility(subject, level) {
      const path = levelPath(subject);
      if (level === null && subject !== undefined) bodyOf(await request("DELETE", path));
      else await putLevel(path, level ?? defaultCompatibility);
    },
    async close() {
      close();
    },
  };

  const putLevel = async (path: string, compatibility: Compatibility): Promise<void> => {
    const answer = await request("PUT", path, { compatibility });
    if (answer.status >= 300) throw unexpected(answer);
  };

  await registry.subjects();
  return registry;
};

/** One question for all who ask at once; a failure is not kept. */
const kept = <K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> => {
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const answer = ask();
  known.set(key, answer);
  answer.catch(() => known.delete(key));
  return answer;
};

const isAvro = ({ schemaType }: Entry): boolean => schemaType === undefined || schemaType === "AVRO";

const levelPath = (subject: string | undefined): string =>
  subject === undefined ? "/config" : `/config/${segment(subject)}`;

const avroEntry = (entry: Entry | null): RegisteredSchema | null => {
  if (entry === null || !isAvro(entry)) return null;
  const { id, subject, version, schema } = entry;
  return { id, subject, version, schema };
};

/** A subject without versions takes any schema. */
const reasonsIn = (verdict: Verdict | null): string[] => {
  if (verdict === null || verdict.is_compatible === true) return [];
  const { messages = [], reason = "the registry gives no reason" } = verdict;
  return messages.length > 0 ? messages : [reason];
};
