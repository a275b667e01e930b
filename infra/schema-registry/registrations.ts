import type { StoredEvent } from "../event-store/port.ts";
import { canonicalSchema } from "./canonical.ts";
import { type Compatibility, defaultCompatibility, type RegisteredSchema } from "./port.ts";

/** `subject` is null for the level of all subjects that have none, `level` where it is taken back. */
export type CompatibilitySet = { subject: string | null; level: Compatibility | null };

export type RegistryEvent =
  | { type: "SchemaRegistered"; data: RegisteredSchema }
  | { type: "CompatibilitySet"; data: CompatibilitySet };

/** What the registry's stream says, as far as it has been read. */
export type Registrations = {
  /** The revision of the next event. */
  next: bigint;
  byId: Map<number, string>;
  idOf: Map<string, number>;
  usesOf: Map<number, { subject: string; version: number }[]>;
  subjects: Map<string, RegisteredSchema[]>;
  levels: Map<string | null, Compatibility>;
};

export const noRegistrations = (): Registrations => ({
  next: 0n,
  byId: new Map(),
  idOf: new Map(),
  usesOf: new Map(),
  subjects: new Map(),
  levels: new Map(),
});

/** Changes `state`: a registry reads its stream once, event by event. */
export const applyEvent = (state: Registrations, stored: StoredEvent): void => {
  const event = { type: stored.type, data: stored.data } as RegistryEvent;
  if (event.type === "SchemaRegistered") addSchema(state, event.data);
  else if (event.data.level === null) state.levels.delete(event.data.subject);
  else state.levels.set(event.data.subject, event.data.level);
  state.next = stored.revision + 1n;
};

const addSchema = (state: Registrations, entry: RegisteredSchema): void => {
  state.byId.set(entry.id, entry.schema);
  const canonical = canonicalSchema(entry.schema);
  // Releases before told some apart that are the same to this one: the first rules.
  if (!state.idOf.has(canonical)) state.idOf.set(canonical, entry.id);
  state.usesOf.set(entry.id, [
    ...(state.usesOf.get(entry.id) ?? []),
    { subject: entry.subject, version: entry.version },
  ]);
  const versions = state.subjects.get(entry.subject) ?? [];
  versions.push(entry);
  state.subjects.set(entry.subject, versions);
};

export const versionsOf = (state: Registrations, subject: string): RegisteredSchema[] =>
  state.subjects.get(subject) ?? [];

export const findSchema = (state: Registrations, subject: string, schema: string): RegisteredSchema | undefined => {
  const id = state.idOf.get(canonicalSchema(schema));
  return versionsOf(state, subject).find((entry) => entry.id === id);
};

export const levelOf = (state: Registrations, subject: string): Compatibility =>
  state.levels.get(subject) ?? state.levels.get(null) ?? defaultCompatibility;
