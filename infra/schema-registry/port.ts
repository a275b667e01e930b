/**
 * The schema registry: Avro schemas by global id and by subject with versions.
 *
 * Promises: registering an equal schema under a subject answers the same id; ids are never reused;
 * a schema that breaks the subject's compatibility (BACKWARD by default) is refused with
 * INCOMPATIBLE_SCHEMA and the reasons; an id that is not there is UNKNOWN_SCHEMA.
 */
export type Compatibility = "NONE" | "BACKWARD" | "FORWARD" | "FULL";

export type RegisteredSchema = { id: number; subject: string; version: number; schema: string };

export type SchemaRegistry = {
  /** `schema` is Avro JSON. INVALID_SCHEMA, INCOMPATIBLE_SCHEMA. */
  register(subject: string, schema: string, compatibility?: Compatibility): Promise<RegisteredSchema>;
  /** Would `register` accept it? The reasons when not. */
  check(
    subject: string,
    schema: string,
    compatibility?: Compatibility,
  ): Promise<{ compatible: boolean; reasons: string[] }>;
  byId(id: number): Promise<string>;
  latest(subject: string): Promise<RegisteredSchema | null>;
  versions(subject: string): Promise<RegisteredSchema[]>;
  subjects(): Promise<string[]>;
  close(): Promise<void>;
};
