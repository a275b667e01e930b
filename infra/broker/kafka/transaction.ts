import { MillraceError } from "../../../schemas/errors.ts";
import { checkRecord } from "../check-record.ts";
import type { Transaction } from "../port.ts";
import type { Written } from "./append.ts";
import { DEFAULT_MAX_RECORD_BYTES } from "./topic-configs.ts";
import { type KafkaTopic, noPartition, type Topics } from "./topics.ts";
import { emptyUnit, type Unit } from "./unit.ts";

/**
 * A transaction that is gathered here and sent at `commit`. Records of a topic that this process has not seen yet are
 * taken as they are, and judged at `commit`.
 */
export const kafkaTransaction = (topics: Topics, write: (unit: Unit) => Promise<Written[]>): Transaction => {
  const unit = emptyUnit();
  const unseen = new Map<string, Unseen>();
  let last: KafkaTopic | undefined;
  let failed: unknown = null;
  let ended = false;

  const open = (): void => {
    if (ended) throw new MillraceError("ILLEGAL_STATE", "the transaction has ended: begin another");
  };

  return {
    add(name, partition, key, value, timestamp, headers) {
      open();
      const topic = last?.name === name ? last : topics.known(name);
      if (topic === undefined) {
        const held = unseen.get(name) ?? { ...nothingYet, name };
        unseen.set(name, held);
        checkRecord(held, key, value, timestamp, -1);
        held.largest = Math.max(held.largest, (value?.length ?? 0) + (key === null ? 0 : Buffer.byteLength(key)));
        held.keyless ||= key === null;
        unit.add(name, partition, unseenSealBytes, key, value, timestamp, headers);
        return;
      }
      last = topic;
      if (!Number.isInteger(partition) || partition < 0 || partition >= topic.config.partitions) {
        failed ??= noPartition(name, partition, topic.config.partitions);
        throw failed;
      }
      checkRecord(topic, key, value, timestamp, -1);
      unit.add(name, partition, topic.sealBytes, key, value, timestamp, headers);
    },
    offsets(group, offsets) {
      open();
      unit.addOffsets(group, offsets);
    },
    async commit() {
      open();
      ended = true;
      try {
        if (failed !== null) throw failed;
        for (const one of unseen.values()) judge(await topics.get(one.name), one);
        if (unit.empty) return [];
        return await write(unit);
      } finally {
        unit.release();
      }
    },
    abort() {
      ended = true;
      unit.release();
    },
  };
};

/** What is remembered of records whose topic was not known when they were added. */
type Unseen = {
  name: string;
  config: { cleanup: "delete" };
  maxRecordBytes: number;
  largest: number;
  keyless: boolean;
};

const nothingYet = {
  config: { cleanup: "delete" },
  maxRecordBytes: DEFAULT_MAX_RECORD_BYTES,
  largest: 0,
  keyless: false,
} as const;

/** Small enough for any topic that takes records of a usual size. */
const unseenSealBytes = 1 << 18;

const judge = (topic: KafkaTopic, { largest, keyless }: Unseen): void => {
  if (largest > topic.maxRecordBytes) {
    throw new MillraceError(
      "RECORD_TOO_LARGE",
      `a record has ${largest} bytes; topic "${topic.name}" allows ${topic.maxRecordBytes}`,
      { details: { topic: topic.name, size: largest, limit: topic.maxRecordBytes } },
    );
  }
  if (keyless && topic.config.cleanup === "compact") checkRecord(topic, null, null, 0, -1);
};
