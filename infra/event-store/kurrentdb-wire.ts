import { MillraceError } from "../../schemas/errors.ts";
import { type FoundEvent, foundEvent, type Wrong, wrongEvent } from "./history-guard.ts";
import type { Position } from "./port.ts";

/** What the server answers to a read, as far as it is used here. Events carry the server's names of streams. */
export type Answer =
  | { kind: "event"; event: FoundEvent }
  /** Of the stream: what the server is told to do with it. */
  | { kind: "metadata"; stream: string; position: Position; metadata: StreamMetadata }
  | { kind: "streamNotFound" }
  /** Whatever else there is between events: confirmations, checkpoints, marks of the end. */
  | { kind: "other" };

/** The part of it that takes events away. */
export type StreamMetadata = { $tb?: unknown; $maxCount?: unknown; $maxAge?: unknown };

const other: Answer = { kind: "other" };
const streamNotFound: Answer = { kind: "streamNotFound" };

/**
 * `ReadResp` of KurrentDB's streams.proto, read from its bytes: the client's generated classes take several times as
 * long and hide which JSON was not JSON.
 */
export const decodeAnswer = (bytes: Buffer): Answer => {
  const fields = fieldsOf(bytes);
  while (fields.next()) {
    if (fields.number === 1) return eventAnswer(fields.bytes());
    if (fields.number === 4) return streamNotFound;
    fields.skip();
  }
  return other;
};

/** `ReadEvent`; one without its event is a link whose event is gone. */
const eventAnswer = (bytes: Buffer): Answer => {
  const fields = fieldsOf(bytes);
  while (fields.next()) {
    if (fields.number === 1) return recordedEvent(fields.bytes());
    fields.skip();
  }
  return other;
};

const empty: Buffer = Buffer.alloc(0);

/** `RecordedEvent`. */
const recordedEvent = (bytes: Buffer): Answer => {
  const fields = fieldsOf(bytes);
  let [id, stream, type, contentType] = ["", "", "", ""];
  let revision = 0n;
  let position = 0n;
  let metadata = empty;
  let data = empty;
  while (fields.next()) {
    if (fields.number === 1) id = uuidOf(fields.bytes());
    else if (fields.number === 2) stream = bytesIn(fields.bytes(), 3).toString();
    else if (fields.number === 3) revision = fields.integer();
    else if (fields.number === 5) position = fields.integer();
    else if (fields.number === 6) {
      const [key, value] = entryOf(fields.bytes());
      if (key === "type") type = value;
      else if (key === "content-type") contentType = value;
    } else if (fields.number === 7) metadata = fields.bytes();
    else if (fields.number === 8) data = fields.bytes();
    else fields.skip();
  }
  // Servers before 22.10 know it for reads of `$all` alone.
  if (position <= 0n || position >= 2n ** 63n) {
    throw new MillraceError("ENGINE_REFUSED", "the server tells no positions: EventStoreDB 22.10 or later is needed");
  }
  const place = { id, type, stream, revision, position: String(position) };
  if (type === "$metadata") return { ...place, kind: "metadata", stream: stream.slice(2), metadata: metadataOf(data) };
  const wrong = wrongKind(type, contentType);
  const event = wrong === null ? foundEvent(place, data.toString(), metadata.toString()) : wrongEvent(place, wrong);
  return { kind: "event", event };
};

const metadataOf = (data: Buffer): StreamMetadata => {
  try {
    return (JSON.parse(data.toString()) as StreamMetadata | null) ?? {};
  } catch {
    return {};
  }
};

/** What the server or somebody else has put where our events belong, by type and content. */
const wrongKind = (type: string, contentType: string): Wrong | null => {
  if (type === "$streamDeleted") return { code: "HISTORY_INCOMPLETE", why: "it was deleted" };
  if (type.startsWith("$")) return { code: "UNREADABLE_EVENT", why: `it is the server's own, of type ${type}` };
  return contentType === "application/json" ? null : { code: "UNREADABLE_EVENT", why: "its data is not JSON" };
};

/** `UUID`: text, or two halves. */
const uuidOf = (bytes: Buffer): string => {
  const fields = fieldsOf(bytes);
  if (!fields.next()) return "";
  if (fields.number === 2) return fields.bytes().toString();
  const halves = fieldsOf(fields.bytes());
  let hex = 0n;
  while (halves.next()) hex |= halves.integer() << (halves.number === 1 ? 64n : 0n);
  return hex
    .toString(16)
    .padStart(32, "0")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};

const bytesIn = (bytes: Buffer, number: number): Buffer => {
  const fields = fieldsOf(bytes);
  while (fields.next()) {
    if (fields.number === number) return fields.bytes();
    fields.skip();
  }
  return empty;
};

const entryOf = (bytes: Buffer): [key: string, value: string] => {
  const fields = fieldsOf(bytes);
  let key = "";
  let value = "";
  while (fields.next()) {
    if (fields.number === 1) key = fields.bytes().toString();
    else if (fields.number === 2) value = fields.bytes().toString();
    else fields.skip();
  }
  return [key, value];
};

/** The fields of a protobuf message (protobuf.dev/programming-guides/encoding), one after the other. */
const fieldsOf = (bytes: Buffer) => {
  let at = 0;
  let wireType = 0;

  /** Exact up to 2^53: tags, lengths, and all positions and revisions that there are in practice. */
  const small = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };

  return {
    number: 0,
    next(): boolean {
      if (at >= bytes.length) return false;
      const tag = small();
      this.number = tag >>> 3;
      wireType = tag & 7;
      return true;
    },
    bytes(): Buffer {
      const length = small();
      at += length;
      return bytes.subarray(at - length, at);
    },
    /** Without a sign. */
    integer(): bigint {
      const from = at;
      const value = small();
      if (value < Number.MAX_SAFE_INTEGER) return BigInt(value);
      let exact = 0n;
      for (let i = at - 1; i >= from; i--) exact = (exact << 7n) | BigInt(bytes[i] & 127);
      return BigInt.asUintN(64, exact);
    },
    skip(): void {
      if (wireType === 0) small();
      else if (wireType === 2) this.bytes();
      else at += wireType === 1 ? 8 : 4;
    },
  };
};
