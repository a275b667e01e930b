import type { RecordBatch, Transaction } from "../../infra/broker/port.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import {
  type DriftRecord,
  deadLetterSchema,
  driftSchema,
  outcomeSchema,
  predictionSchema,
  type TileRecord,
  tileSchema,
  topicOf,
} from "../../schemas/topics.ts";
import type { Refused } from "./input.ts";

/** Writes the records of the platform's own topics, framed with the ids of their registered schemas. */
export type Emitter = {
  predictionSchemaId: number;
  outcomeSchemaId: number;
  tile(transaction: Transaction, project: string, key: string, record: TileRecord): void;
  drift(transaction: Transaction, project: string, result: DriftRecord): void;
  deadLetter(
    transaction: Transaction,
    project: string,
    stage: "decode" | "features" | "score" | "outcome" | "build",
    batch: RecordBatch,
    index: number,
    refused: Refused,
  ): void;
};

const largestId = 2 ** 31 - 1;

/** Registers the schemas, once for the platform. */
export const emitter = async (registry: SchemaRegistry, clock: () => number): Promise<Emitter> => {
  const register = async (name: string, schema: object) => ({
    id: (await registry.register(`millrace.${name}`, JSON.stringify(schema))).id,
    type: avroType(schema),
  });
  const prediction = await register("prediction", predictionSchema);
  const outcome = await register("outcome", outcomeSchema);
  const tile = await register("tile", tileSchema);
  const drift = await register("drift", driftSchema);
  const deadLetter = await register("dead-letter", deadLetterSchema);
  return {
    predictionSchemaId: prediction.id,
    outcomeSchemaId: outcome.id,
    tile: (transaction, project, key, record) =>
      transaction.add(topicOf.tiles(project), 0, key, frame(tile.id, tile.type, record), record.from),
    drift: (transaction, project, result) =>
      transaction.add(topicOf.drift(project), 0, result.monitor, frame(drift.id, drift.type, result), result.to),
    deadLetter: (transaction, project, stage, batch, index, refused) => {
      const slice = (start: number, end: number): Buffer | null =>
        start < 0 ? null : Buffer.from(batch.bytes.subarray(start, end));
      const key = slice(batch.keyStart[index], batch.keyEnd[index]);
      const bytes = frame(deadLetter.id, deadLetter.type, {
        stage,
        code: refused.error.code,
        message: refused.error.message,
        topic: batch.topic,
        partition: batch.partition,
        offset: batch.offsets[index],
        // An id that no registry gives: the field is Avro's int, and the value has the bytes anyway.
        schemaId: refused.schemaId !== null && refused.schemaId <= largestId ? refused.schemaId : null,
        key,
        value: slice(batch.valueStart[index], batch.valueEnd[index]),
        timestamp: batch.timestamps[index],
        failedAt: clock(),
      });
      transaction.add(topicOf.deadLetters(project), 0, key, bytes, batch.timestamps[index]);
    },
  };
};
