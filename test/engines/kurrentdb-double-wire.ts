import { createRequire } from "node:module";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import wireStatus from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js";
import pb from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import type { Expected, Row } from "./kurrentdb-double-log.ts";

/** What belongs to the client, loaded as the client loads it: it is no dependency of ours. */
export const clientRequire = createRequire(createRequire(import.meta.url).resolve("@kurrent/kurrentdb-client"));
const { Any } = clientRequire("google-protobuf/google/protobuf/any_pb");
const { Empty } = clientRequire("google-protobuf/google/protobuf/empty_pb");

export type ReadOptions = InstanceType<typeof pb.ReadReq.Options>;
const Direction = pb.ReadReq.Options.ReadDirection;

export const streamMatcher = (options: ReadOptions): ((stream: string) => boolean) => {
  const expression = options.getFilter()?.getStreamIdentifier();
  if (expression === undefined) return () => true;
  const prefixes = expression.getPrefixList();
  const regex = new RegExp(expression.getRegex());
  return prefixes.length > 0
    ? (stream) => prefixes.some((prefix) => stream.startsWith(prefix))
    : (stream) => regex.test(stream);
};

/** Reads of `$all` begin with the event at their position, subscriptions after it; here, backward reads at the end. */
export const selected = (options: ReadOptions, log: readonly Row[]): readonly Row[] => {
  const matches = streamMatcher(options);
  if (options.getReadDirection() === Direction.BACKWARDS) {
    const count = Number(options.getCount());
    const found: Row[] = [];
    for (let i = log.length - 1; i >= 0 && found.length < count; i--) if (matches(log[i].stream)) found.push(log[i]);
    return found;
  }
  const all = options.getAll()?.getPosition();
  const from = BigInt(all?.getCommitPosition() ?? 0) + (options.hasSubscription() && all !== undefined ? 1n : 0n);
  let [low, high] = [0, log.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (log[middle].position < from) low = middle + 1;
    else high = middle;
  }
  return log.slice(low).filter((row) => matches(row.stream));
};

export const inRange = (options: ReadOptions, rows: readonly Row[]): readonly Row[] => {
  const revision = options.getStream()?.hasRevision() ? BigInt(options.getStream()?.getRevision() ?? 0) : null;
  if (options.getReadDirection() !== Direction.BACKWARDS) {
    return revision === null ? rows : rows.filter((row) => row.revision >= revision);
  }
  return rows.filter((row) => revision === null || row.revision <= revision).reverse();
};

const encodings = new WeakMap<Row, InstanceType<typeof pb.ReadResp>>();

/** Made and encoded once an event: rows are read very often. */
export const encoded = (row: Row) => {
  const known = encodings.get(row);
  if (known !== undefined) return known;
  const recorded = new pb.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(row.id))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(row.stream)))
    .setStreamRevision(String(row.revision))
    .setCommitPosition(String(row.position))
    .setPreparePosition(String(row.position))
    .setData(row.data)
    .setCustomMetadata(row.metadata);
  recorded.getMetadataMap().set("type", row.type);
  recorded.getMetadataMap().set("content-type", row.contentType);
  // 100 ns since 1970.
  recorded.getMetadataMap().set("created", String(row.created * 10_000));
  const response = new pb.ReadResp().setEvent(
    new pb.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(String(row.position)),
  );
  const bytes = response.serializeBinary();
  response.serializeBinary = () => bytes;
  encodings.set(row, response);
  return response;
};

export const wrongVersion = (current: bigint, expected: Expected) => {
  const details = new shared.WrongExpectedVersion();
  if (current < 0n) details.setCurrentNoStream(new Empty());
  else details.setCurrentStreamRevision(String(current));
  if (expected === "no-stream") details.setExpectedNoStream(new Empty());
  else details.setExpectedStreamPosition(String(expected));
  return statusOf("WrongExpectedVersion", details);
};

export const statusOf = (name: string, details: { serializeBinary(): Uint8Array }) => {
  const any = new Any();
  any.pack(details.serializeBinary(), `event_store.client.${name}`);
  return new wireStatus.Status().setCode(9).setMessage(name).setDetails(any);
};
