import {
  dictionaryColumn,
  float64Column,
  int32Column,
  int64Column,
  stringColumn,
  timeColumn,
} from "../../../infra/warehouse/native-block.ts";
import { avroCursor } from "../avro-cursor.ts";
import { nativeEncoder } from "./native-encoder.ts";
import { originColumns, type RowEncoder, type Sink } from "./sink.ts";

/** Transcodes `outcomeSchema` (schemas/topics.ts), field by field in its order. */
const outcomeEncoder = (): RowEncoder => {
  const avro = avroCursor();
  const predictionId = stringColumn("prediction_id");
  const endpoint = dictionaryColumn("endpoint");
  const model = dictionaryColumn("model");
  const version = int32Column("version");
  const variant = dictionaryColumn("variant");
  const entity = stringColumn("entity");
  const key = stringColumn("key");
  const predictedAt = timeColumn("predicted_at");
  const outcomeAt = timeColumn("outcome_at");
  const output = float64Column("output");
  const outcome = float64Column("outcome");
  const predictionOffset = int64Column("prediction_offset");
  const topic = dictionaryColumn("topic");
  const partition = int32Column("partition");
  const offset = int64Column("offset");
  const columns = [
    ...[predictionId, endpoint, model, version, variant, entity, key, predictedAt, outcomeAt],
    ...[output, outcome, predictionOffset, topic, partition, offset],
  ];
  return nativeEncoder(avro, columns, () => {
    avro.stringTo(predictionId.to);
    avro.stringTo(endpoint.to);
    avro.stringTo(model.to);
    avro.intTo(version.to);
    avro.stringTo(variant.to);
    avro.stringTo(entity.to);
    avro.stringTo(key.to);
    avro.longTo(predictedAt.to);
    avro.longTo(outcomeAt.to);
    avro.doubleTo(output.to);
    avro.doubleTo(outcome.to);
    avro.longTo(predictionOffset.to);
    avro.stringTo(topic.to);
    avro.intTo(partition.to);
    avro.longTo(offset.to);
  });
};

export const outcomeSink = (): Sink => ({
  kind: "outcomes",
  table: "outcomes",
  columns:
    `${originColumns}, prediction_id, endpoint, model, version, variant, entity, key, predicted_at, ` +
    "outcome_at, output, outcome, prediction_offset, topic, partition, offset",
  format: "Native",
  encoder: outcomeEncoder,
});
