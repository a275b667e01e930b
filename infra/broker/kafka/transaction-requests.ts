import { codes } from "./errors.ts";
import {
  codeAlone,
  type Exchange,
  failOn,
  failOnPartitions,
  type OffsetsOf,
  offsetStructs,
  type PartitionsOf,
  partitionCodes,
  struct,
  structs,
} from "./exchange.ts";

/** A producer's place in the order of those of its transactional id: of two the one of the higher epoch may write. */
export type Producer = { id: bigint; epoch: number };

/** Fences earlier holders of the id and ends what they left open. Without an id: for idempotent writes alone. */
export const initProducer = (transactionalId: string | null, timeoutMs: number): Exchange<Producer> => ({
  name: "InitProducerId",
  key: 22,
  version: 1,
  body: struct((to) => to.writeString(transactionalId).writeInt32(timeoutMs)),
  read: (from) => {
    from.readInt32();
    failOn(from.readInt16(), "InitProducerId");
    return { id: from.readInt64(), epoch: from.readInt16() };
  },
});

export const addPartitions = (
  transactionalId: string,
  { id, epoch }: Producer,
  topics: readonly PartitionsOf[],
): Exchange<void> => ({
  name: "AddPartitionsToTxn",
  key: 24,
  version: 1,
  body: struct((to) =>
    to
      .writeString(transactionalId)
      .writeInt64(id)
      .writeInt16(epoch)
      .writeArray(structs(topics, (one, { topic, partitions }) => one.writeString(topic).writeArray(partitions))),
  ),
  read: (from) => {
    from.readInt32();
    failOnPartitions(partitionCodes(from), "AddPartitionsToTxn", codes.OPERATION_NOT_ATTEMPTED);
  },
});

export const addOffsets = (transactionalId: string, { id, epoch }: Producer, group: string): Exchange<void> => ({
  name: "AddOffsetsToTxn",
  key: 25,
  version: 1,
  body: struct((to) => to.writeString(transactionalId).writeInt64(id).writeInt16(epoch).writeString(group)),
  read: codeAlone("AddOffsetsToTxn"),
});

/** Sent to the group's coordinator, after `addOffsets` to the transaction's. */
export const commitOffsetsInTransaction = (
  transactionalId: string,
  { id, epoch }: Producer,
  group: string,
  topics: readonly OffsetsOf[],
): Exchange<void> => ({
  name: "TxnOffsetCommit",
  key: 28,
  version: 2,
  body: struct((to) =>
    to
      .writeString(transactionalId)
      .writeString(group)
      .writeInt64(id)
      .writeInt16(epoch)
      .writeArray(offsetStructs(topics)),
  ),
  read: (from) => {
    from.readInt32();
    failOnPartitions(partitionCodes(from), "TxnOffsetCommit");
  },
});

export const endTransaction = (transactionalId: string, { id, epoch }: Producer, commit: boolean): Exchange<void> => ({
  name: "EndTxn",
  key: 26,
  version: 1,
  body: struct((to) => to.writeString(transactionalId).writeInt64(id).writeInt16(epoch).writeBoolean(commit)),
  read: codeAlone("EndTxn"),
});

/** The state of a transactional id, e.g. PrepareCommit until the markers of a commit are written, then CompleteCommit. */
export const describeTransaction = (transactionalId: string): Exchange<string> => ({
  name: "DescribeTransactions",
  key: 65,
  version: 0,
  // The first byte ends the header of a flexible version: no tagged fields.
  body: struct((to) => to.writeUVarInt(0).writeUVarInt(2).writeUVarIntString(transactionalId).writeUVarInt(0)),
  read: (from) => {
    from.readTaggedFields();
    from.readInt32();
    from.readUVarInt();
    failOn(from.readInt16(), "DescribeTransactions");
    from.readUVarIntString();
    return from.readUVarIntString() ?? "";
  },
});
