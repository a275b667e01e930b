import Decoder from "kafkajs/src/protocol/decoder.js";
import { struct, structs, text } from "./exchange.ts";

/** A member as the leader of the group sees it. `generation` is of when it was given what it owns. */
export type Member = { id: string; topics: readonly string[]; owned: readonly number[]; generation: number };

/**
 * Partition numbers by member: balanced to within one, and each stays where it is as far as that allows.
 * Number p stands for partition p of every topic.
 */
export const assign = (members: readonly Member[], partitions: number): Map<string, number[]> => {
  const claims = new Map<number, Member>();
  for (const member of members) {
    for (const number of member.owned) {
      const other = claims.get(number);
      const newer = other === undefined || member.generation > other.generation;
      if (number < partitions && newer) claims.set(number, member);
    }
  }
  const held = new Map(members.map(({ id }) => [id, [] as number[]]));
  for (const [number, { id }] of [...claims].sort(([a], [b]) => a - b)) held.get(id)?.push(number);
  const byHolding = [...members].sort(
    (a, b) => size(held, b.id) - size(held, a.id) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
  const least = Math.floor(partitions / members.length);
  const extra = partitions % members.length;
  const given = new Map(byHolding.map(({ id }, i) => [id, held.get(id)?.slice(0, least + (i < extra ? 1 : 0)) ?? []]));
  const taken = new Set([...given.values()].flat());
  const free = Array.from({ length: partitions }, (_, number) => number).filter((number) => !taken.has(number));
  byHolding.forEach(({ id }, i) => {
    const own = given.get(id) as number[];
    while (own.length < least + (i < extra ? 1 : 0)) own.push(free.shift() as number);
    own.sort((a, b) => a - b);
  });
  return given;
};

const size = (held: ReadonlyMap<string, readonly number[]>, id: string): number => held.get(id)?.length ?? 0;

/** Kafka's own forms of subscription and assignment (ConsumerProtocol, version 0), so that its tools show them. */
const VERSION = 0;

export const encodeSubscription = (topics: readonly string[], owned: readonly number[], generation: number): Buffer =>
  struct((to) =>
    to
      .writeInt16(VERSION)
      .writeArray(topics)
      .writeBytes(struct((data) => data.writeInt32(generation).writeArray(owned)).buffer),
  ).buffer;

export const decodeSubscription = (id: string, bytes: Buffer): Member => {
  const from = new Decoder(bytes);
  from.readInt16();
  const topics = from.readArray(text);
  const own = from.readBytes();
  if (own === null || own.length < 8) return { id, topics, owned: [], generation: -1 };
  const data = new Decoder(own);
  return { id, topics, generation: data.readInt32(), owned: data.readArray((one) => one.readInt32()) };
};

/**
 * `partitions` by topic, of those topics that the member reads. The numbers also stand in the user data, for a member
 * that reads no topic.
 */
export const encodeAssignment = (numbers: readonly number[], partitions: ReadonlyMap<string, number>): Buffer =>
  struct((to) =>
    to
      .writeInt16(VERSION)
      .writeArray(
        structs([...partitions], (one, [topic, count]) =>
          one.writeString(topic).writeArray(numbers.filter((number) => number < count)),
        ),
      )
      .writeBytes(struct((data) => data.writeArray(numbers)).buffer),
  ).buffer;

/** The partition numbers. */
export const decodeAssignment = (bytes: Buffer): number[] => {
  if (bytes.length === 0) return [];
  const from = new Decoder(bytes);
  from.readInt16();
  from.readArray((one) => {
    text(one);
    return one.readArray((each) => each.readInt32());
  });
  const own = from.readBytes();
  return own === null ? [] : new Decoder(own).readArray((one) => one.readInt32());
};
