import Decoder from "kafkajs/src/protocol/decoder.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { ProtocolError } from "./errors.ts";

/** One request of the Kafka protocol and how its answer is read. `timeoutMs` where the answer may take long. */
export type Exchange<T> = {
  name: string;
  key: number;
  version: number;
  /** Header and body end in tagged fields (KIP-482); the answer's header, too, which \`read\` takes first. */
  flexible?: boolean;
  /** Without the header; in pieces where it is large, so that they are not copied. */
  body: Encoder | readonly Buffer[];
  read(answer: Decoder): T;
  timeoutMs?: number;
};

export const struct = (write: (to: Encoder) => void): Encoder => {
  const encoder = new Encoder(64);
  write(encoder);
  return encoder;
};

export const structs = <T>(values: readonly T[], write: (to: Encoder, value: T) => void): Encoder[] =>
  values.map((value) => struct((to) => write(to, value)));

/** The pieces of a request: its length and header, then the body. */
export const requestOf = (
  { key, version, flexible = false, body }: Exchange<unknown>,
  correlationId: number,
  clientId: string,
): readonly Buffer[] => {
  const pieces = body instanceof Encoder ? [body.buffer] : body;
  const head = struct((to) => {
    to.writeInt32(0).writeInt16(key).writeInt16(version).writeInt32(correlationId).writeString(clientId);
    if (flexible) to.writeUVarInt(0);
  }).buffer;
  head.writeInt32BE(pieces.reduce((sum, { length }) => sum + length, head.length - 4));
  return [head, ...pieces];
};

export const answerOf = <T>({ read }: Exchange<T>, payload: Buffer): T => read(new Decoder(payload));

export const int64 = (from: Decoder): number => Number(from.readInt64());

export const text = (from: Decoder): string => from.readString() ?? "";

export const failOn = (code: number, api: string, detail?: string | null): void => {
  if (code !== 0) throw new ProtocolError(code, api, detail);
};

/** Reads an answer that is a throttle time and a code. */
export const codeAlone =
  (api: string) =>
  (from: Decoder): void => {
    from.readInt32();
    failOn(from.readInt16(), api);
  };

export type PartitionsOf = { topic: string; partitions: readonly number[] };
export type PartitionCode = { topic: string; partition: number; code: number };

/** `[topic [partition error_code]]`, as many answers end. */
export const partitionCodes = (from: Decoder): PartitionCode[] =>
  from
    .readArray((one) => {
      const topic = text(one);
      return one.readArray((each) => ({ topic, partition: each.readInt32(), code: each.readInt16() }));
    })
    .flat();

export type OffsetsOf = { topic: string; partitions: readonly { partition: number; offset: number }[] };

/** `[topic [partition offset leader_epoch metadata]]`, as offsets are committed: of no epoch and without metadata. */
export const offsetStructs = (topics: readonly OffsetsOf[]): Encoder[] =>
  structs(topics, (one, { topic, partitions }) =>
    one
      .writeString(topic)
      .writeArray(
        structs(partitions, (each, { partition, offset }) =>
          each.writeInt32(partition).writeInt64(offset).writeInt32(-1).writeString(null),
        ),
      ),
  );

/** Throws the first code that tells something: one that was not attempted fails with the one that was. */
export const failOnPartitions = (results: readonly PartitionCode[], api: string, notAttempted = -1): void => {
  const failed = results.filter(({ code }) => code !== 0);
  if (failed.length === 0) return;
  const { topic, partition, code } = failed.find((one) => one.code !== notAttempted) ?? failed[0];
  throw new ProtocolError(code, api, `${topic}/${partition}`);
};

/** Values of a list by topic, in the order in which topics first appear. */
export const byTopic = <T extends { topic: string }>(values: readonly T[]): [string, T[]][] => {
  const topics = new Map<string, T[]>();
  for (const value of values) {
    const held = topics.get(value.topic);
    if (held === undefined) topics.set(value.topic, [value]);
    else held.push(value);
  }
  return [...topics];
};
