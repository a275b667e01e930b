import { avroCursor } from "../avro-cursor.ts";
import { frameBytes, originColumns, originWriter, type Sink } from "./sink.ts";

/** Transcodes `outcomeSchema` (schemas/topics.ts), field by field in its order. */
export const outcomeSink = (): Sink => {
  const avro = avroCursor();
  const origin = originWriter();
  return {
    kind: "outcomes",
    table: "outcomes",
    columns:
      `${originColumns}, prediction_id, endpoint, model, version, variant, entity, key, predicted_at, outcome_at, ` +
      "output, outcome, prediction_offset, topic, partition, offset",
    append(batch, i, assignment, to) {
      if (batch.valueStart[i] < 0) return false;
      origin(batch, i, assignment, to);
      avro.over(batch.bytes, batch.valueStart[i] + frameBytes, batch.valueEnd[i]);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.intTo(to);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.longTo(to);
      avro.longTo(to);
      avro.doubleTo(to);
      avro.doubleTo(to);
      avro.longTo(to);
      avro.stringTo(to);
      avro.intTo(to);
      avro.longTo(to);
      return true;
    },
  };
};
