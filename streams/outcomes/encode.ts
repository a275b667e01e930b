import { type ByteWriter, byteWriter, frameHeader } from "../../schemas/byte-writer.ts";
import type { Joined } from "./join.ts";

/** What is the same in every outcome of one deployment in one partition, encoded once. */
export type OutcomeConstants = { schemaId: number; endpoint: string; topic: string; partition: number };

/** Bytes of an outcome; valid until the writer is next used. */
export type OutcomeEncoder = (joined: Joined) => Buffer;

/** Writes `outcomeSchema` (schemas/topics.ts) byte for byte as avsc would, without an object a row. */
export const outcomeEncoder = (constants: OutcomeConstants, writer: ByteWriter): OutcomeEncoder => {
  const { schemaId, endpoint, topic, partition } = constants;
  const scratch = byteWriter(256);
  const once = (write: () => void): Buffer => {
    scratch.reset();
    write();
    return Buffer.from(scratch.bytes());
  };
  const header = frameHeader(schemaId);
  const place = once(() => {
    scratch.string(topic);
    scratch.long(partition);
  });
  const variantOf = (model: string, version: number, variant: string) => ({
    ...{ model, version, variant },
    bytes: once(() => {
      scratch.string(endpoint);
      scratch.string(model);
      scratch.long(version);
      scratch.string(variant);
    }),
  });
  let last = variantOf("", 0, "");
  return ({ prediction, outcome, time, offset }) => {
    const { model, version, variant } = prediction;
    if (version !== last.version || model !== last.model || variant !== last.variant) {
      last = variantOf(model, version, variant);
    }
    writer.reset();
    writer.raw(header);
    writer.string(prediction.id);
    writer.raw(last.bytes);
    writer.string(prediction.entity);
    writer.string(prediction.key);
    writer.long(prediction.time);
    writer.long(time);
    writer.double(prediction.output);
    writer.double(outcome);
    writer.long(prediction.offset);
    writer.raw(place);
    writer.long(offset);
    return writer.bytes();
  };
};
