import type { Offsets } from "../port.ts";
import { codes, ProtocolError } from "./errors.ts";
import {
  codeAlone,
  type Exchange,
  failOn,
  failOnPartitions,
  int64,
  type OffsetsOf,
  offsetStructs,
  type PartitionsOf,
  partitionCodes,
  struct,
  structs,
  text,
} from "./exchange.ts";

/** Commits without being a member of the group: it must have none. */
export const commitOffsets = (group: string, topics: readonly OffsetsOf[]): Exchange<void> => ({
  name: "OffsetCommit",
  key: 8,
  version: 6,
  body: struct((to) => to.writeString(group).writeInt32(-1).writeString("").writeArray(offsetStructs(topics))),
  read: (from) => {
    from.readInt32();
    failOnPartitions(partitionCodes(from), "OffsetCommit");
  },
});

/**
 * Offsets of a group. Version 7, as it fails with UNSTABLE_OFFSET_COMMIT while a transaction that has committed offsets
 * is being ended: an older one would answer those from before it. It does so for partitions that are asked for by name
 * alone, not for "all".
 */
export const fetchOffsets = (group: string, topics: readonly PartitionsOf[]): Exchange<Offsets> => ({
  name: "OffsetFetch",
  key: 9,
  version: 7,
  body: struct((to) => {
    // The first byte ends the header of a flexible version: no tagged fields.
    to.writeUVarInt(0)
      .writeUVarIntString(group)
      .writeUVarInt(topics.length + 1);
    for (const { topic, partitions } of topics) {
      to.writeUVarIntString(topic).writeUVarInt(partitions.length + 1);
      for (const partition of partitions) to.writeInt32(partition);
      to.writeUVarInt(0);
    }
    to.writeBoolean(true).writeUVarInt(0);
  }),
  read: (from) => {
    from.readTaggedFields();
    from.readInt32();
    const topics = from.readUVarIntArray((one) => {
      const topic = one.readUVarIntString() ?? "";
      const partitions = one.readUVarIntArray((each) => {
        const partition = each.readInt32();
        const offset = int64(each);
        each.readInt32();
        each.readUVarIntString();
        const code = each.readInt16();
        each.readTaggedFields();
        if (code !== 0) throw new ProtocolError(code, "OffsetFetch", `${topic}/${partition}`);
        return { topic, partition, offset };
      });
      one.readTaggedFields();
      return partitions ?? [];
    });
    failOn(from.readInt16(), "OffsetFetch");
    return (topics ?? []).flat().filter(({ offset }) => offset >= 0);
  },
});

export type Joined = {
  generation: number;
  leader: string;
  member: string;
  /** Of all members, for the leader alone. */
  members: { member: string; metadata: Buffer }[];
};

/** Answers when all members have joined; `member` is "" at first, then as MEMBER_ID_REQUIRED has named it. */
export const joinGroup = (
  group: string,
  member: string,
  protocol: string,
  subscription: Buffer,
  { sessionMs, rebalanceMs }: { sessionMs: number; rebalanceMs: number },
): Exchange<Joined | { required: string }> => ({
  name: "JoinGroup",
  key: 11,
  version: 5,
  body: struct((to) =>
    to
      .writeString(group)
      .writeInt32(sessionMs)
      .writeInt32(rebalanceMs)
      .writeString(member)
      .writeString(null)
      .writeString("consumer")
      .writeArray([struct((one) => one.writeString(protocol).writeBytes(subscription))]),
  ),
  read: (from) => {
    from.readInt32();
    const code = from.readInt16();
    const generation = from.readInt32();
    from.readString();
    const leader = text(from);
    const given = text(from);
    if (code === codes.MEMBER_ID_REQUIRED) return { required: given };
    failOn(code, "JoinGroup");
    const members = from.readArray((one) => {
      const id = text(one);
      one.readString();
      return { member: id, metadata: one.readBytes() ?? Buffer.alloc(0) };
    });
    return { generation, leader, member: given, members };
  },
  timeoutMs: rebalanceMs + 5000,
});

export const syncGroup = (
  group: string,
  generation: number,
  member: string,
  assignments: readonly { member: string; assignment: Buffer }[],
  rebalanceMs: number,
): Exchange<Buffer> => ({
  name: "SyncGroup",
  key: 14,
  version: 3,
  body: struct((to) =>
    to
      .writeString(group)
      .writeInt32(generation)
      .writeString(member)
      .writeString(null)
      .writeArray(structs(assignments, (one, of) => one.writeString(of.member).writeBytes(of.assignment))),
  ),
  read: (from) => {
    from.readInt32();
    failOn(from.readInt16(), "SyncGroup");
    return from.readBytes() ?? Buffer.alloc(0);
  },
  timeoutMs: rebalanceMs + 5000,
});

export const heartbeat = (group: string, generation: number, member: string): Exchange<void> => ({
  name: "Heartbeat",
  key: 12,
  version: 3,
  body: struct((to) => to.writeString(group).writeInt32(generation).writeString(member).writeString(null)),
  read: codeAlone("Heartbeat"),
});

export const leaveGroup = (group: string, member: string): Exchange<void> => ({
  name: "LeaveGroup",
  key: 13,
  version: 3,
  body: struct((to) => to.writeString(group).writeArray([struct((one) => one.writeString(member).writeString(null))])),
  read: codeAlone("LeaveGroup"),
});
