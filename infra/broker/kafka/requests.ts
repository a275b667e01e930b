import type Decoder from "kafkajs/src/protocol/decoder.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import { type Exchange, failOn, int64, struct, structs, text } from "./exchange.ts";

/** Requests about the cluster and its topics. Versions: Kafka 3.0 and newer have them all. */

export const apiVersions = (): Exchange<Map<number, { min: number; max: number }>> => ({
  name: "ApiVersions",
  key: 18,
  version: 0,
  body: new Encoder(8),
  read: (from) => {
    failOn(from.readInt16(), "ApiVersions");
    const versions = from.readArray((one) => ({
      key: one.readInt16(),
      min: one.readInt16(),
      max: one.readInt16(),
    }));
    return new Map(versions.map(({ key, min, max }) => [key, { min, max }]));
  },
});

export type Metadata = {
  nodes: { id: number; host: string; port: number }[];
  controller: number;
  topics: {
    topic: string;
    /** Another for a topic that was deleted and made again (KIP-516). */
    id: string;
    code: number;
    internal: boolean;
    partitions: { partition: number; leader: number; epoch: number }[];
  }[];
};

/** Of all topics with null. */
export const metadata = (topics: readonly string[] | null): Exchange<Metadata> => ({
  name: "Metadata",
  key: 3,
  version: 10,
  flexible: true,
  body: struct((to) => {
    // A compact array's length is one more than it has; 0 is null.
    to.writeUVarInt(topics === null ? 0 : topics.length + 1);
    for (const topic of topics ?? []) to.writeBuffer(noUuid).writeUVarIntString(topic).writeUVarInt(noTags);
    to.writeBoolean(false).writeBoolean(false).writeBoolean(false).writeUVarInt(noTags);
  }),
  read: (from) => {
    from.readTaggedFields();
    from.readInt32();
    const nodes = compact(from, (one) => {
      const node = { id: one.readInt32(), host: one.readUVarIntString() ?? "", port: one.readInt32() };
      one.readUVarIntString();
      return node;
    });
    from.readUVarIntString();
    return { nodes, controller: from.readInt32(), topics: compact(from, topicMetadata) };
  },
});

const noUuid = Buffer.alloc(16);
const noTags = 0;

/** A compact array of structures, which end in tagged fields. */
const compact = <T>(from: Decoder, read: (one: Decoder) => T): T[] =>
  from.readUVarIntArray((one) => {
    const value = read(one);
    one.readTaggedFields();
    return value;
  }) ?? [];

const uuid = (from: Decoder): string => {
  const at = from.offset;
  from.offset += 16;
  return from.buffer.toString("hex", at, at + 16);
};

const topicMetadata = (from: Decoder): Metadata["topics"][number] => {
  const topic = {
    code: from.readInt16(),
    topic: from.readUVarIntString() ?? "",
    id: uuid(from),
    internal: from.readBoolean(),
    partitions: compact(from, (each) => {
      each.readInt16();
      const partition = { partition: each.readInt32(), leader: each.readInt32(), epoch: each.readInt32() };
      for (let list = 0; list < 3; list++) each.readUVarIntArray((node) => node.readInt32());
      return partition;
    }),
  };
  from.readInt32();
  return topic;
};

/**
 * Where the newest epoch of a partition's leaders that is not after `epoch` ends (KIP-101): -1 for both where the log
 * has none.
 */
export const epochEnd = (
  topic: string,
  partition: number,
  epoch: number,
): Exchange<{ epoch: number; end: number }> => ({
  name: "OffsetForLeaderEpoch",
  key: 23,
  version: 3,
  body: struct((to) =>
    to
      .writeInt32(-1)
      .writeArray([
        struct((one) =>
          one
            .writeString(topic)
            .writeArray([struct((each) => each.writeInt32(partition).writeInt32(-1).writeInt32(epoch))]),
        ),
      ]),
  ),
  read: (from) => {
    from.readInt32();
    const [[answer]] = from.readArray((one) => {
      one.readString();
      return one.readArray((each) => {
        failOn(each.readInt16(), "OffsetForLeaderEpoch", `${topic}/${partition}`);
        each.readInt32();
        return { epoch: each.readInt32(), end: int64(each) };
      });
    });
    return answer;
  },
});

export type CoordinatorKind = "group" | "transaction";

export const findCoordinator = (
  kind: CoordinatorKind,
  id: string,
): Exchange<{ id: number; host: string; port: number }> => ({
  name: "FindCoordinator",
  key: 10,
  version: 2,
  body: struct((to) => to.writeString(id).writeInt8(kind === "group" ? 0 : 1)),
  read: (from) => {
    from.readInt32();
    const code = from.readInt16();
    failOn(code, "FindCoordinator", from.readString());
    return { id: from.readInt32(), host: text(from), port: from.readInt32() };
  },
});

export type ConfigEntries = readonly (readonly [name: string, value: string])[];

const adminTimeoutMs = 15_000;

export const createTopic = (
  topic: string,
  partitions: number,
  replicationFactor: number,
  configs: ConfigEntries,
): Exchange<void> => ({
  name: "CreateTopics",
  key: 19,
  version: 4,
  body: struct((to) =>
    to
      .writeArray([
        struct((one) =>
          one
            .writeString(topic)
            .writeInt32(partitions)
            .writeInt16(replicationFactor)
            .writeArray([])
            .writeArray(structs(configs, (each, [name, value]) => each.writeString(name).writeString(value))),
        ),
      ])
      .writeInt32(adminTimeoutMs)
      .writeBoolean(false),
  ),
  read: (from) => {
    from.readInt32();
    from.readArray((one) => {
      one.readString();
      const code = one.readInt16();
      failOn(code, "CreateTopics", one.readString());
    });
  },
  timeoutMs: adminTimeoutMs + 5000,
});

export const deleteTopic = (topic: string): Exchange<void> => ({
  name: "DeleteTopics",
  key: 20,
  version: 1,
  body: struct((to) => to.writeArray([topic]).writeInt32(adminTimeoutMs)),
  read: (from) => {
    from.readInt32();
    from.readArray((one) => {
      one.readString();
      failOn(one.readInt16(), "DeleteTopics");
    });
  },
  timeoutMs: adminTimeoutMs + 5000,
});

const TOPIC_RESOURCE = 2;
const TOPIC_SOURCE = 1;

/** By topic the settings that were given to it (not the cluster's defaults), or the error code in its place. */
export const describeTopics = (
  topics: readonly string[],
  settings: readonly string[],
): Exchange<Map<string, Map<string, string> | number>> => ({
  name: "DescribeConfigs",
  key: 32,
  version: 2,
  body: struct((to) =>
    to
      .writeArray(
        structs(topics, (one, topic) => one.writeInt8(TOPIC_RESOURCE).writeString(topic).writeArray(settings)),
      )
      .writeBoolean(false),
  ),
  read: (from) => {
    from.readInt32();
    const all = new Map<string, Map<string, string> | number>();
    from.readArray((one) => {
      const code = one.readInt16();
      one.readString();
      one.readInt8();
      const topic = text(one);
      const own = new Map<string, string>();
      one.readArray((each) => {
        const [name, value] = [text(each), text(each)];
        each.readBoolean();
        if (each.readInt8() === TOPIC_SOURCE) own.set(name, value);
        each.readBoolean();
        each.readArray((synonym) => {
          synonym.readString();
          synonym.readString();
          synonym.readInt8();
        });
      });
      all.set(topic, code === 0 ? own : code);
    });
    return all;
  },
});

/** Sets these and leaves the others: unlike AlterConfigs, which takes away what it does not name. */
export const alterTopic = (topic: string, set: ConfigEntries, unset: readonly string[]): Exchange<void> => ({
  name: "IncrementalAlterConfigs",
  key: 44,
  version: 0,
  body: struct((to) =>
    to
      .writeArray([
        struct((one) =>
          one
            .writeInt8(TOPIC_RESOURCE)
            .writeString(topic)
            .writeArray([
              ...structs(set, (each, [name, value]) => each.writeString(name).writeInt8(0).writeString(value)),
              ...structs(unset, (each, name) => each.writeString(name).writeInt8(1).writeString(null)),
            ]),
        ),
      ])
      .writeBoolean(false),
  ),
  read: (from) => {
    from.readInt32();
    from.readArray((one) => {
      const code = one.readInt16();
      failOn(code, "IncrementalAlterConfigs", one.readString());
      one.readInt8();
      one.readString();
    });
  },
  timeoutMs: adminTimeoutMs,
});

export const earliest = -2;
/** The last stable offset, as the request asks for committed data. */
export const latest = -1;

export type OffsetAt = { topic: string; partition: number; code: number; offset: number };

export const listOffsets = (
  topics: readonly { topic: string; partitions: readonly number[] }[],
  at: typeof earliest | typeof latest,
): Exchange<OffsetAt[]> => ({
  name: "ListOffsets",
  key: 2,
  version: 3,
  body: struct((to) =>
    to
      .writeInt32(-1)
      .writeInt8(1)
      .writeArray(
        structs(topics, (one, { topic, partitions }) =>
          one
            .writeString(topic)
            .writeArray(structs(partitions, (each, partition) => each.writeInt32(partition).writeInt64(at))),
        ),
      ),
  ),
  read: (from) => {
    from.readInt32();
    return from
      .readArray((one) => {
        const topic = text(one);
        return one.readArray((each) => {
          const partition = each.readInt32();
          const code = each.readInt16();
          each.readInt64();
          return { topic, partition, code, offset: int64(each) };
        });
      })
      .flat();
  },
});
