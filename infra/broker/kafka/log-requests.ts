import Encoder from "kafkajs/src/protocol/encoder.js";
import type { Aborted } from "./batch-decoder.ts";
import { byTopic, type Exchange, failOn, int64, struct, structs, text } from "./exchange.ts";

export type BatchFor = { topic: string; partition: number; bytes: Buffer };
export type Appended = { topic: string; partition: number; code: number; offset: number };

const acksOfAll = -1;
const appendTimeoutMs = 8_000;

/** At most one batch a partition: the protocol allows no more. */
export const produceBatches = (transactionalId: string | null, batches: readonly BatchFor[]): Exchange<Appended[]> => ({
  name: "Produce",
  key: 0,
  version: 7,
  body: produceBody(transactionalId, batches),
  read: (from) => {
    const appended = from
      .readArray((one) => {
        const topic = text(one);
        return one.readArray((each) => {
          const partition = each.readInt32();
          const code = each.readInt16();
          const offset = int64(each);
          each.readInt64();
          each.readInt64();
          return { topic, partition, code, offset };
        });
      })
      .flat();
    return appended;
  },
});

/** The batches' own memory: it must stay as it is until the answer. */
const produceBody = (transactionalId: string | null, batches: readonly BatchFor[]): Buffer[] => {
  const pieces: Buffer[] = [];
  const topics = byTopic(batches);
  let between = new Encoder(64);
  between.writeString(transactionalId).writeInt16(acksOfAll).writeInt32(appendTimeoutMs).writeInt32(topics.length);
  for (const [topic, parts] of topics) {
    between.writeString(topic).writeInt32(parts.length);
    for (const { partition, bytes } of parts) {
      pieces.push(between.writeInt32(partition).writeInt32(bytes.length).buffer, bytes);
      between = new Encoder(64);
    }
  }
  return pieces;
};

export type FetchFrom = { topic: string; partition: number; offset: number; maxBytes: number };
export type FetchedPart = {
  topic: string;
  partition: number;
  code: number;
  low: number;
  aborted: Aborted[];
  records: Buffer | null;
};

const readCommitted = 1;
const noSession = { id: 0, epoch: -1 };

/** Answers when there is at least a byte, or after `waitMs`. */
export const fetchBatches = (
  parts: readonly FetchFrom[],
  waitMs: number,
  maxBytes: number,
): Exchange<FetchedPart[]> => ({
  name: "Fetch",
  key: 1,
  version: 11,
  body: struct((to) => {
    to.writeInt32(-1).writeInt32(waitMs).writeInt32(1).writeInt32(maxBytes).writeInt8(readCommitted);
    to.writeInt32(noSession.id).writeInt32(noSession.epoch);
    to.writeArray(
      structs(byTopic(parts), (one, [topic, all]) =>
        one
          .writeString(topic)
          .writeArray(
            structs(all, (each, { partition, offset, maxBytes: most }) =>
              each.writeInt32(partition).writeInt32(-1).writeInt64(offset).writeInt64(-1).writeInt32(most),
            ),
          ),
      ),
    );
    to.writeInt32(0).writeString("");
  }),
  read: (from) => {
    from.readInt32();
    failOn(from.readInt16(), "Fetch");
    from.readInt32();
    return from
      .readArray((one) => {
        const topic = text(one);
        return one.readArray((each) => {
          const [partition, code] = [each.readInt32(), each.readInt16()];
          each.readInt64();
          each.readInt64();
          const low = int64(each);
          const aborted = each.readArray((gone) => ({ producer: gone.readInt64(), firstOffset: int64(gone) }));
          each.readInt32();
          return { topic, partition, code, low, aborted, records: each.readBytes() };
        });
      })
      .flat();
  },
  timeoutMs: waitMs + 10_000,
});
