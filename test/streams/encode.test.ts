import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byteWriter } from "../../schemas/byte-writer.ts";
import { avroType } from "../../schemas/codec.ts";
import { outcomeSchema, predictionSchema } from "../../schemas/topics.ts";
import { outcomeEncoder } from "../../streams/outcomes/encode.ts";
import { predictionEncoder } from "../../streams/predictions/encode.ts";

const type = avroType(predictionSchema);
/** Beyond 2^52 avsc's own zigzag is no longer exact. */
const long = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
const int = fc.integer({ min: -1_000_000, max: 1_000_000 });

const prediction = fc.record({
  id: fc.string({ unit: "grapheme", maxLength: 90 }),
  endpoint: fc.string({ minLength: 1, maxLength: 20 }),
  revision: int,
  model: fc.string({ maxLength: 20 }),
  version: int,
  variant: fc.constantFrom("champion", "challenger", "shadow"),
  share: fc.double({ noNaN: true }),
  entity: fc.string({ unit: "grapheme" }),
  key: fc.string({ unit: "grapheme", maxLength: 200 }),
  eventTime: long,
  topic: fc.string({ maxLength: 20 }),
  partition: int,
  offset: long,
  positions: fc.array(long, { maxLength: 4 }),
  lookups: fc.array(fc.record({ view: fc.string(), partition: int, offset: long }), { maxLength: 2 }),
  features: fc.array(fc.float({ noNaN: true }), { maxLength: 30 }),
  output: fc.double({ noNaN: true }),
  servedAt: long,
  latencyMs: fc.double({ noNaN: true }),
  runtime: fc.string({ maxLength: 30 }),
  late: fc.boolean(),
});

test("predictions are written byte for byte as Avro's own writer does", () => {
  const writer = byteWriter(16);
  fc.assert(
    fc.property(prediction, (value) => {
      const { endpoint, revision, model, version, variant, share, topic, partition, runtime } = value;
      const encode = predictionEncoder(
        { schemaId: 258, endpoint, revision, model, version, variant, share, topic, partition, runtime },
        writer,
      );
      const features = Float32Array.from([0, ...value.features]);
      const positions = Float64Array.from([9, ...value.positions]);
      const bytes = encode(
        value.id,
        value.entity,
        value.key,
        value.eventTime,
        value.offset,
        positions,
        1,
        value.positions.length,
        value.lookups,
        features,
        1,
        value.features.length,
        value.output,
        value.servedAt,
        value.latencyMs,
        value.late,
      );
      assert.deepEqual(bytes.subarray(0, 5), Buffer.from([0, 0, 0, 1, 2]));
      assert.deepEqual(bytes.subarray(5), type.toBuffer(value));
    }),
  );
});

const met = fc.record({
  predictionId: fc.string({ unit: "grapheme", maxLength: 90 }),
  model: fc.string({ maxLength: 3 }),
  version: fc.integer({ min: 0, max: 2 }),
  variant: fc.constantFrom("champion", "challenger", "shadow"),
  entity: fc.string({ unit: "grapheme" }),
  key: fc.string({ unit: "grapheme", maxLength: 200 }),
  predictedAt: long,
  outcomeAt: long,
  output: fc.double({ noNaN: true }),
  outcome: fc.double({ noNaN: true }),
  predictionOffset: long,
  offset: long,
});

test("outcomes are written byte for byte as Avro's own writer does, whatever version came before", () => {
  const writer = byteWriter(16);
  const outcomes = avroType(outcomeSchema);
  const place = fc.record({
    endpoint: fc.string({ maxLength: 20 }),
    topic: fc.string({ maxLength: 20 }),
    partition: int,
  });
  fc.assert(
    fc.property(place, fc.array(met, { minLength: 1, maxLength: 8 }), (constants, values) => {
      const encode = outcomeEncoder({ schemaId: 258, ...constants }, writer);
      for (const value of values) {
        const { predictionId: id, predictedAt, outcomeAt, outcome, predictionOffset, offset, ...made } = value;
        const prediction = {
          ...made,
          id,
          time: predictedAt,
          offset: predictionOffset,
          outcomesFrom: 0,
          next: null,
          done: true,
        };
        const bytes = encode({ prediction, outcome, time: outcomeAt, offset });
        assert.deepEqual(bytes.subarray(0, 5), Buffer.from([0, 0, 0, 1, 2]));
        assert.deepEqual(bytes.subarray(5), outcomes.toBuffer({ ...constants, ...value }));
      }
    }),
  );
});
