import { avroType } from "../../schemas/codec.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { auxiliaryStreams } from "../../schemas/own-streams.ts";
import { systemClock, uuidv7 } from "../clock.ts";
import type { EventStore, NewEvent } from "../event-store/port.ts";
import { canonicalSchema } from "./canonical.ts";
import { incompatibilitiesWith } from "./compatibility.ts";
import { type Compatibility, defaultCompatibility, type RegisteredSchema, type SchemaRegistry } from "./port.ts";
import { applyEvent, findSchema, levelOf, noRegistrations, type RegistryEvent, versionsOf } from "./registrations.ts";

/** Not an aggregate's name, so that nobody who reads lifecycle events by prefix meets it. */
const stream = `${auxiliaryStreams.schemas}platform/schemas`;
const maxAttempts = 100;

/**
 * The schema registry as one stream of the event store: any number of threads and processes write at once, the
 * expected revision decides who comes first. Ids count from 1; an equal schema has one id under all its subjects, as in
 * Confluent's registry. `close` leaves the store open.
 */
export const embeddedSchemaRegistry = (store: EventStore, options: { clock?: () => number } = {}): SchemaRegistry => {
  const clock = options.clock ?? systemClock;
  const state = noRegistrations();
  let closed = false;
  let reading: Promise<void> = Promise.resolve();
  let writing: Promise<unknown> = Promise.resolve();

  const readOn = async (): Promise<void> => {
    for await (const event of store.readStream(stream, state.next)) applyEvent(state, event);
  };
  /** One reader at a time, or an event would be applied twice. */
  const catchUp = (): Promise<void> => {
    if (closed) return Promise.reject(new MillraceError("CLOSED", "the schema registry is closed"));
    reading = reading.catch(() => undefined).then(readOn);
    return reading;
  };

  const reasonsAgainst = (subject: string, schema: string): Promise<string[]> =>
    incompatibilitiesWith(
      levelOf(state, subject),
      schema,
      versionsOf(state, subject).map((version) => version.schema),
    );

  /** `next` is what `state.next` was when the event was decided on. */
  const append = (event: RegistryEvent, next: bigint): Promise<unknown> =>
    store.append(stream, [newEvent(event, clock())], next === 0n ? "no-stream" : next - 1n);

  const registerOnce = async (subject: string, schema: string): Promise<RegisteredSchema> => {
    const known = findSchema(state, subject, schema);
    if (known !== undefined) return { ...known };
    const { next } = state;
    const reasons = await reasonsAgainst(subject, schema);
    if (reasons.length > 0) throw incompatible(subject, levelOf(state, subject), reasons);
    // What was read meanwhile was not decided on.
    if (state.next !== next) throw new MillraceError("WRONG_EXPECTED_REVISION", "others wrote meanwhile");
    const data: RegisteredSchema = {
      id: state.idOf.get(canonicalSchema(schema)) ?? state.byId.size + 1,
      subject,
      version: versionsOf(state, subject).length + 1,
      schema,
    };
    await append({ type: "SchemaRegistered", data }, next);
    return data;
  };
  const setOnce = async (subject: string | null, level: Compatibility | null): Promise<void> => {
    if ((state.levels.get(subject) ?? null) === level) return;
    await append({ type: "CompatibilitySet", data: { subject, level } }, state.next);
  };

  /** Decides anew on what the stream says until nobody else has written in between. */
  const writeRetrying = async <T>(decideAndAppend: () => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      await catchUp();
      try {
        return await decideAndAppend();
      } catch (error) {
        if (!isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw error;
        if (attempt === maxAttempts) {
          throw new MillraceError("CONFLICT", "others kept writing to the schema registry: try again", {
            cause: error,
          });
        }
      }
    }
  };
  const write = <T>(decideAndAppend: () => Promise<T>): Promise<T> => {
    const result = writing.then(() => writeRetrying(decideAndAppend));
    writing = result.catch(() => undefined);
    return result;
  };

  return {
    async register(subject, schema) {
      avroType(schema);
      return write(() => registerOnce(subject, schema));
    },
    async check(subject, schema) {
      avroType(schema);
      await catchUp();
      const known = findSchema(state, subject, schema);
      const reasons = known === undefined ? await reasonsAgainst(subject, schema) : [];
      return { compatible: reasons.length === 0, reasons };
    },
    async find(subject, schema) {
      avroType(schema);
      await catchUp();
      const known = findSchema(state, subject, schema);
      return known === undefined ? null : { ...known };
    },
    async byId(id) {
      if (!state.byId.has(id)) await catchUp();
      const schema = state.byId.get(id);
      if (schema !== undefined) return schema;
      throw new MillraceError("UNKNOWN_SCHEMA", `schema id ${id} is not registered: register the schema first`, {
        details: { schemaId: id },
      });
    },
    async uses(id) {
      await catchUp();
      return (state.usesOf.get(id) ?? []).map((use) => ({ ...use }));
    },
    async latest(subject) {
      await catchUp();
      const latest = versionsOf(state, subject).at(-1);
      return latest === undefined ? null : { ...latest };
    },
    async versions(subject) {
      await catchUp();
      return versionsOf(state, subject).map((version) => ({ ...version }));
    },
    async subjects() {
      await catchUp();
      return [...state.subjects.keys()].sort();
    },
    async compatibility(subject) {
      await catchUp();
      return state.levels.get(subject ?? null) ?? (subject === undefined ? defaultCompatibility : null);
    },
    async setCompatibility(subject, level) {
      await write(() => setOnce(subject ?? null, level));
    },
    async close() {
      closed = true;
      await Promise.allSettled([writing, reading]);
    },
  };
};

const newEvent = ({ type, data }: RegistryEvent, at: number): NewEvent => {
  const id = uuidv7();
  const metadata = { $correlationId: id, $causationId: id, actor: "schema-registry", project: "platform" };
  return { id, type, data, metadata: { ...metadata, schemaVersion: 1, at } };
};

const incompatible = (subject: string, level: Compatibility, reasons: string[]): MillraceError =>
  new MillraceError(
    "INCOMPATIBLE_SCHEMA",
    `the schema is not ${level} compatible with ${level.endsWith("_TRANSITIVE") ? "all schemas" : "the newest one"} of ${subject}: ${reasons.join("; ")}`,
    { details: { subject, compatibility: level, reasons } },
  );
