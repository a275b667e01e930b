import { type ByteWriter, byteWriter, frameHeader } from "../../schemas/byte-writer.ts";

/** What is the same in every prediction of one variant of one deployment revision, encoded once. */
export type PredictionConstants = {
  schemaId: number;
  endpoint: string;
  revision: number;
  model: string;
  version: number;
  variant: string;
  share: number;
  topic: string;
  partition: number;
  runtime: string;
};

export type PredictionLookup = { view: string; partition: number; offset: number };

export type PredictionEncoder = (
  id: string,
  entity: string,
  key: string,
  eventTime: number,
  offset: number,
  positions: ArrayLike<number>,
  positionsAt: number,
  positionsCount: number,
  lookups: readonly PredictionLookup[],
  features: Float32Array,
  featuresAt: number,
  featuresCount: number,
  output: number,
  servedAt: number,
  latencyMs: number,
  late: boolean,
) => Buffer;

/** Writes `predictionSchema` (schemas/topics.ts) byte for byte as avsc would, without an object a row. */
export const predictionEncoder = (constants: PredictionConstants, writer: ByteWriter): PredictionEncoder => {
  const once = (write: (to: ByteWriter) => void): Buffer => {
    const scratch = byteWriter(256);
    write(scratch);
    return Buffer.from(scratch.bytes());
  };
  const header = frameHeader(constants.schemaId);
  const beforeEntity = once((to) => {
    to.string(constants.endpoint);
    to.long(constants.revision);
    to.string(constants.model);
    to.long(constants.version);
    to.string(constants.variant);
    to.double(constants.share);
  });
  const place = once((to) => {
    to.string(constants.topic);
    to.long(constants.partition);
  });
  const endOf = (late: 0 | 1): Buffer =>
    once((to) => {
      to.string(constants.runtime);
      to.raw(Uint8Array.of(late));
    });
  const end = endOf(0);
  const lateEnd = endOf(1);
  return (
    id,
    entity,
    key,
    eventTime,
    offset,
    positions,
    positionsAt,
    positionsCount,
    lookups,
    features,
    featuresAt,
    featuresCount,
    output,
    servedAt,
    latencyMs,
    late,
  ) => {
    writer.reset();
    writer.raw(header);
    writer.string(id);
    writer.raw(beforeEntity);
    writer.string(entity);
    writer.string(key);
    writer.long(eventTime);
    writer.raw(place);
    writer.long(offset);
    if (positionsCount > 0) {
      writer.long(positionsCount);
      for (let i = 0; i < positionsCount; i++) writer.long(positions[positionsAt + i]);
    }
    writer.long(0);
    if (lookups.length > 0) {
      writer.long(lookups.length);
      for (const lookup of lookups) {
        writer.string(lookup.view);
        writer.long(lookup.partition);
        writer.long(lookup.offset);
      }
    }
    writer.long(0);
    writer.floats(features, featuresAt, featuresCount);
    writer.double(output);
    writer.long(servedAt);
    writer.double(latencyMs);
    writer.raw(late ? lateEnd : end);
    return writer.bytes();
  };
};
