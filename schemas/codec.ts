import avsc, { type Type } from "avsc";
import { jsonToAvro } from "./avro-json.ts";
import { parseSchema } from "./avro-limits.ts";
import { avroReader, cursorOver, place, type Read } from "./avro-read.ts";
import { resolvingReader } from "./avro-resolve.ts";
import { Mismatch } from "./avro-shape.ts";
import { isMillraceError, MillraceError } from "./errors.ts";
import { preview } from "./preview.ts";

/**
 * Records on the wire, as Confluent's serializers write them: byte 0, the writer schema's id as unsigned 32-bit
 * big-endian, the Avro body.
 */
export const frameBytes = 5;

const byText = new Map<string, Type>();
const byObject = new WeakMap<object, Type>();
/** Doors take schemas from strangers; the registry's own are few. */
const maxCached = 1024;

/**
 * The avsc type of an Avro schema, cached. Text may be a stranger's: `avroLimits` bound what it asks for; an object is
 * the platform's own. Logical types stay plain numbers and strings, longs are JavaScript numbers. INVALID_SCHEMA says
 * what is wrong.
 */
export const avroType = (schema: string | object): Type => {
  const known = typeof schema === "string" ? byText.get(schema) : byObject.get(schema);
  if (known !== undefined) return known;
  const parsed = (typeof schema === "string" ? parseSchema(schema) : schema) as avsc.Schema;
  let type: Type;
  try {
    type = avsc.Type.forSchema(parsed, { omitRecordMethods: true, typeHook: refuseProto });
  } catch (error) {
    throw new MillraceError("INVALID_SCHEMA", `not a valid Avro schema: ${(error as Error).message}`, { cause: error });
  }
  if (typeof schema !== "string") byObject.set(schema, type);
  else {
    if (byText.size >= maxCached) byText.clear();
    byText.set(schema, type);
  }
  return type;
};

/** A legal Avro name, but not one that a JavaScript object can hold like others. */
const refuseProto = (schema: unknown): undefined => {
  const fields = (schema as { fields?: unknown }).fields;
  if (Array.isArray(fields) && fields.some((field) => field?.name === "__proto__")) {
    throw new Error('a field cannot be named "__proto__"');
  }
};

let scratch: Buffer = Buffer.allocUnsafe(64 * 1024);

/** A framed record in a buffer of its own. INVALID_RECORD names the field that does not fit the type. */
export const frame = (schemaId: number, type: Type, value: unknown): Buffer => {
  let end: number;
  try {
    end = type.encode(value, scratch, frameBytes);
    if (end < 0) {
      scratch = Buffer.allocUnsafe(2 * (scratch.length - end));
      end = type.encode(value, scratch, frameBytes);
    }
  } catch (error) {
    throw new MillraceError("INVALID_RECORD", whyInvalid(type, value, error), { cause: error });
  }
  scratch[0] = 0;
  scratch.writeUInt32BE(schemaId, 1);
  const bytes = Buffer.allocUnsafe(end);
  scratch.copy(bytes, 0, 0, end);
  return bytes;
};

const whyInvalid = (type: Type, value: unknown, error: unknown): string => {
  if (error instanceof RangeError) return "the value is nested too deeply";
  let found: string | null = null;
  type.isValid(value, {
    errorHook: (path, part, expected) => {
      found ??= `"${path.join(".")}" is ${preview(part)}, expected ${expected.typeName}`;
    },
  });
  return found ?? (error as Error).message;
};

/** The writer schema's id of a framed record; null for bytes that are not framed. */
export const schemaIdOf = (bytes: Uint8Array, start: number, end: number): number | null =>
  end - start < frameBytes || bytes[start] !== 0
    ? null
    : ((bytes[start + 1] << 24) | (bytes[start + 2] << 16) | (bytes[start + 3] << 8) | bytes[start + 4]) >>> 0;

export type RecordDecoder = {
  /**
   * The record in `bytes` from `start` to `end` as a plain object of the reader schema. UNDECODABLE_RECORD names the
   * field where the bytes stop making sense; UNKNOWN_SCHEMA for an id that is not known (yet).
   */
  decode(bytes: Buffer, start: number, end: number): Record<string, unknown>;
};

const openingBrace = 0x7b;

/**
 * Decodes framed Avro of any writer schema into the reader schema, resolved as Avro's specification says; a value that
 * starts with `{` is JSON. `byId` is asked once an id: the caller's cache, which does not wait.
 */
export const recordDecoder = (
  readerSchema: string,
  byId: (id: number) => string | undefined,
): RecordDecoder & {
  /** The schema id of a record that `byId` does not know: load it, then decode. null when nothing is missing. */
  missing(bytes: Buffer, start: number, end: number): number | null;
} => {
  const reader = avroType(readerSchema);
  const writers = new Map<number, Read>();
  const cursor = cursorOver(Buffer.alloc(0));
  let lastId = -1;
  let lastRead: Read = avroReader(reader);

  const readOf = (id: number): Read | null => {
    const known = writers.get(id);
    if (known !== undefined) return known;
    const schema = byId(id);
    if (schema === undefined) return null;
    const read = readOrRefuse(avroType(schema), reader, id);
    writers.set(id, read);
    return read;
  };

  const decodeJson = (bytes: Buffer, start: number, end: number): Record<string, unknown> => {
    try {
      return jsonToAvro(reader, JSON.parse(bytes.toString("utf8", start, end))) as Record<string, unknown>;
    } catch (error) {
      const what = isMillraceError(error) ? "does not fit the schema" : "is not JSON";
      throw undecodable(`the value ${what}: ${(error as Error).message}`, error);
    }
  };

  return {
    decode(bytes, start, end) {
      if (bytes[start] === openingBrace && end > start) return decodeJson(bytes, start, end);
      const id = schemaIdOf(bytes, start, end);
      if (id === null) {
        throw undecodable(`${end - start} bytes that are neither framed Avro (0, schema id, body) nor a JSON object`);
      }
      if (id !== lastId) {
        const read = readOf(id);
        if (read === null) {
          throw new MillraceError("UNKNOWN_SCHEMA", `schema id ${id} is not registered`, { details: { schemaId: id } });
        }
        lastId = id;
        lastRead = read;
      }
      place(cursor, bytes, start + frameBytes, end);
      try {
        const record = lastRead(cursor) as Record<string, unknown>;
        if (cursor.pos !== end) throw new Mismatch(`${end - cursor.pos} bytes are left over`);
        return record;
      } catch (error) {
        throw misread(error, id);
      }
    },
    missing(bytes, start, end) {
      const id = bytes[start] === openingBrace ? null : schemaIdOf(bytes, start, end);
      return id === null || readOf(id) !== null ? null : id;
    },
  };
};

/** Reads what schema `id` wrote as `reader`; where that cannot be, every record of it is refused. */
const readOrRefuse = (writer: Type, reader: Type, id: number): Read => {
  try {
    return resolvingReader(writer, reader);
  } catch (error) {
    const refusal = undecodable(
      `schema ${id} cannot be read as the source's schema: ${(error as Error).message}`,
      error,
    );
    return () => {
      throw refusal;
    };
  }
};

const misread = (error: unknown, schemaId: number): MillraceError => {
  if (isMillraceError(error)) return error;
  const place = error instanceof Mismatch && error.path.length > 0 ? ` at "${error.place}"` : "";
  const reason = error instanceof RangeError ? "it is nested too deeply" : (error as Error).message;
  return undecodable(`the bytes are not what schema ${schemaId} says${place}: ${reason}`, error);
};

/**
 * Decodes what is behind the frame of records in a topic of the platform. Others may write there, too: nothing beyond a
 * record's end is read, and `avroLimits` hold. UNDECODABLE_RECORD.
 */
export const valueDecoder = <Value>(
  schema: string | object,
): ((bytes: Buffer, valueStart: number, valueEnd: number) => Value) => {
  const { first, added } = releasesOf(schema);
  const read = avroReader(avroType(first));
  const more = added.map((field) => ({ ...field, read: avroReader(avroType({ type: field.type })) }));
  const cursor = cursorOver(Buffer.alloc(0));
  return (bytes, valueStart, valueEnd) => {
    try {
      const value = read(place(cursor, bytes, valueStart + frameBytes, valueEnd));
      for (const field of more) {
        const isThere = cursor.pos < valueEnd;
        (value as Record<string, unknown>)[field.name] = isThere ? field.read(cursor) : field.default;
      }
      if (cursor.pos !== valueEnd) throw new Mismatch(`${valueEnd - cursor.pos} bytes are left over`);
      return value as Value;
    } catch (error) {
      throw misread(error, schemaIdOf(bytes, valueStart, valueEnd) ?? 0);
    }
  };
};

type AddedField = { name: string; type: string | object; default: unknown };

/** Later releases add fields to the platform's own records at their end, with a default: earlier records lack them. */
const releasesOf = (schema: string | object): { first: string | object; added: AddedField[] } => {
  const fields = typeof schema === "string" ? [] : ((schema as { fields?: Partial<AddedField>[] }).fields ?? []);
  const first = fields.findLastIndex((field) => field.default === undefined) + 1;
  if (first === fields.length) return { first: schema, added: [] };
  return {
    first: { ...(schema as object), fields: fields.slice(0, first) },
    added: fields.slice(first) as AddedField[],
  };
};

/** As `valueDecoder`; null for what is no record of the schema: whoever wrote it, the platform did not. */
export const ownRecordDecoder = <Value>(
  schema: string | object,
): ((bytes: Buffer, valueStart: number, valueEnd: number) => Value | null) => {
  const decode = valueDecoder<Value>(schema);
  return (bytes, valueStart, valueEnd) => {
    if (valueStart < 0) return null;
    try {
      return decode(bytes, valueStart, valueEnd);
    } catch {
      return null;
    }
  };
};

const undecodable = (message: string, cause?: unknown): MillraceError =>
  new MillraceError("UNDECODABLE_RECORD", message, { cause });
