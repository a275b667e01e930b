import { avroCursor } from "../avro-cursor.ts";
import { frameBytes, originColumns, originWriter, type Sink } from "./sink.ts";

/** Transcodes `predictionSchema` (schemas/topics.ts), field by field in its order. */
export const predictionSink = (): Sink => {
  const avro = avroCursor();
  const origin = originWriter();
  return {
    kind: "predictions",
    table: "predictions",
    columns:
      `${originColumns}, id, endpoint, revision, model, version, variant, share, entity, key, event_time, topic, ` +
      "partition, offset, positions, lookups, features, output, served_at, latency_ms, runtime",
    append(batch, i, assignment, to) {
      if (batch.valueStart[i] < 0) return false;
      origin(batch, i, assignment, to);
      avro.over(batch.bytes, batch.valueStart[i] + frameBytes, batch.valueEnd[i]);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.intTo(to);
      avro.stringTo(to);
      avro.intTo(to);
      avro.stringTo(to);
      avro.doubleTo(to);
      avro.stringTo(to);
      avro.stringTo(to);
      avro.longTo(to);
      avro.stringTo(to);
      avro.intTo(to);
      avro.longTo(to);
      avro.longsTo(to);
      avro.arrayTo(to, () => {
        avro.stringTo(to);
        avro.intTo(to);
        avro.longTo(to);
      });
      avro.floatsTo(to);
      avro.doubleTo(to);
      avro.longTo(to);
      avro.doubleTo(to);
      avro.stringTo(to);
      return true;
    },
  };
};
