/**
 * The schema registry: Avro schemas by global id and by subject with versions.
 *
 * Promises: registering an equal schema under a subject answers the same id (one with other documentation, defaults or
 * aliases is not equal); ids are never reused;
 * a schema that breaks the subject's compatibility (BACKWARD until it is set; a registry of others may have
 * another default) is refused with INCOMPATIBLE_SCHEMA and the reasons; an id that is not there is UNKNOWN_SCHEMA.
 *
 * Left out on purpose: deletion (records name ids for ever), references between schemas, modes, contexts.
 */
const ruleNames = ["NONE", "BACKWARD", "FORWARD", "FULL"] as const;
export const compatibilityLevels = [
  ...ruleNames,
  "BACKWARD_TRANSITIVE",
  "FORWARD_TRANSITIVE",
  "FULL_TRANSITIVE",
] as const;

/** What a new schema must keep to towards the subject's newest, or with `_TRANSITIVE` towards all of its schemas. */
export type Compatibility = (typeof compatibilityLevels)[number];

/** Between two schemas. */
export type CompatibilityRule = (typeof ruleNames)[number];

export type RegisteredSchema = { id: number; subject: string; version: number; schema: string };

export type SchemaRegistry = {
  /** `schema` is Avro JSON. INVALID_SCHEMA, INCOMPATIBLE_SCHEMA. */
  register(subject: string, schema: string): Promise<RegisteredSchema>;
  /** Would `register` accept it? The reasons when not. INVALID_SCHEMA. */
  check(subject: string, schema: string): Promise<{ compatible: boolean; reasons: string[] }>;
  /** The version of the subject that holds an equal schema. INVALID_SCHEMA. */
  find(subject: string, schema: string): Promise<RegisteredSchema | null>;
  byId(id: number): Promise<string>;
  /** Where an id is registered; nothing for one that is not there. */
  uses(id: number): Promise<{ subject: string; version: number }[]>;
  latest(subject: string): Promise<RegisteredSchema | null>;
  versions(subject: string): Promise<RegisteredSchema[]>;
  subjects(): Promise<string[]>;
  /** The subject's own level, null where it has none; without a subject, that of all which have none. */
  compatibility(subject?: string): Promise<Compatibility | null>;
  /** Sets what `compatibility` answers; null goes back to the level of all, and there to BACKWARD. */
  setCompatibility(subject: string | undefined, level: Compatibility | null): Promise<void>;
  close(): Promise<void>;
};

/** The level of subjects where nobody has said another. */
export const defaultCompatibility: Compatibility = "BACKWARD";
