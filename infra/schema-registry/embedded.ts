import { avroType } from "../../schemas/codec.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { systemClock, uuidv7 } from "../clock.ts";
import type { EventStore, NewEvent } from "../event-store/port.ts";
import { canonicalSchema } from "./canonical.ts";
import { incompatibilities } from "./compatibility.ts";
import type { Compatibility, RegisteredSchema, SchemaRegistry } from "./port.ts";

/** Not an aggregate's name, so that nobody who reads lifecycle events by prefix meets it. */
const stream = "schema-registry-platform/schemas";
const registered = "SchemaRegistered";
const maxAttempts = 100;

/** What the stream says, as far as it has been read. */
type Registrations = {
  next: bigint;
  byId: Map<number, string>;
  idOf: Map<string, number>;
  subjects: Map<string, RegisteredSchema[]>;
};

const apply = (state: Registrations, entry: RegisteredSchema): void => {
  state.byId.set(entry.id, entry.schema);
  state.idOf.set(canonicalSchema(entry.schema), entry.id);
  const versions = state.subjects.get(entry.subject) ?? [];
  versions.push(entry);
  state.subjects.set(entry.subject, versions);
};

/**
 * The schema registry as one stream of the event store: any number of threads and processes register at once, the
 * expected revision decides who comes first. Ids count from 1; an equal schema has one id under all its subjects, as in
 * Confluent's registry. Compatibility is checked against the subject's newest version. `close` leaves the store open.
 */
export const embeddedSchemaRegistry = (store: EventStore, options: { clock?: () => number } = {}): SchemaRegistry => {
  const clock = options.clock ?? systemClock;
  const state: Registrations = { next: 0n, byId: new Map(), idOf: new Map(), subjects: new Map() };
  let closed = false;
  let reading: Promise<void> = Promise.resolve();
  let registering: Promise<unknown> = Promise.resolve();

  const readOn = async (): Promise<void> => {
    for await (const event of store.readStream(stream, state.next)) {
      if (event.type === registered) apply(state, event.data as RegisteredSchema);
      state.next = event.revision + 1n;
    }
  };
  /** One reader at a time, or an event would be applied twice. */
  const catchUp = (): Promise<void> => {
    if (closed) return Promise.reject(new MillraceError("CLOSED", "the schema registry is closed"));
    reading = reading.catch(() => undefined).then(readOn);
    return reading;
  };

  const versionsOf = (subject: string): RegisteredSchema[] => state.subjects.get(subject) ?? [];
  const find = (subject: string, canonical: string): RegisteredSchema | undefined =>
    versionsOf(subject).find(({ id }) => id === state.idOf.get(canonical));
  const reasonsAgainst = (subject: string, schema: string, compatibility: Compatibility): string[] => {
    const previous = versionsOf(subject).at(-1);
    return previous === undefined ? [] : incompatibilities(compatibility, schema, previous.schema);
  };

  const registerOnce = async (subject: string, schema: string, rule: Compatibility): Promise<RegisteredSchema> => {
    await catchUp();
    const canonical = canonicalSchema(schema);
    const known = find(subject, canonical);
    if (known !== undefined) return { ...known };
    const reasons = reasonsAgainst(subject, schema, rule);
    if (reasons.length > 0) throw incompatible(subject, rule, reasons);
    const entry: RegisteredSchema = {
      id: state.idOf.get(canonical) ?? state.byId.size + 1,
      subject,
      version: versionsOf(subject).length + 1,
      schema,
    };
    await store.append(stream, [event(entry, clock())], state.next === 0n ? "no-stream" : state.next - 1n);
    return entry;
  };
  const registerRetrying = async (subject: string, schema: string, rule: Compatibility): Promise<RegisteredSchema> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await registerOnce(subject, schema, rule);
      } catch (error) {
        if (!isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw error;
        if (attempt === maxAttempts) {
          throw new MillraceError("CONFLICT", "others kept registering schemas: try again", { cause: error });
        }
      }
    }
  };

  return {
    async register(subject, schema, compatibility = "BACKWARD") {
      avroType(schema);
      const result = registering.then(() => registerRetrying(subject, schema, compatibility));
      registering = result.catch(() => undefined);
      return result;
    },
    async check(subject, schema, compatibility = "BACKWARD") {
      avroType(schema);
      await catchUp();
      const known = find(subject, canonicalSchema(schema));
      const reasons = known === undefined ? reasonsAgainst(subject, schema, compatibility) : [];
      return { compatible: reasons.length === 0, reasons };
    },
    async byId(id) {
      if (!state.byId.has(id)) await catchUp();
      const schema = state.byId.get(id);
      if (schema !== undefined) return schema;
      throw new MillraceError("UNKNOWN_SCHEMA", `schema id ${id} is not registered: register the schema first`, {
        details: { schemaId: id },
      });
    },
    async latest(subject) {
      await catchUp();
      const latest = versionsOf(subject).at(-1);
      return latest === undefined ? null : { ...latest };
    },
    async versions(subject) {
      await catchUp();
      return versionsOf(subject).map((version) => ({ ...version }));
    },
    async subjects() {
      await catchUp();
      return [...state.subjects.keys()].sort();
    },
    async close() {
      closed = true;
      await Promise.allSettled([registering, reading]);
    },
  };
};

const event = (data: RegisteredSchema, at: number): NewEvent => {
  const id = uuidv7();
  const metadata = { $correlationId: id, $causationId: id, actor: "schema-registry", project: "platform" };
  return { id, type: registered, data, metadata: { ...metadata, schemaVersion: 1, at } };
};

const incompatible = (subject: string, rule: Compatibility, reasons: string[]): MillraceError =>
  new MillraceError(
    "INCOMPATIBLE_SCHEMA",
    `the schema is not ${rule} compatible with the newest one of ${subject}: ${reasons.join("; ")}`,
    { details: { subject, compatibility: rule, reasons } },
  );
