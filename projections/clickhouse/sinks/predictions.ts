import {
  arrayColumn,
  boolColumn,
  dictionaryColumn,
  float64Column,
  int32Column,
  int64Column,
  numberColumn,
  stringColumn,
  timeColumn,
} from "../../../infra/warehouse/native-block.ts";
import { avroCursor } from "../avro-cursor.ts";
import { nativeEncoder } from "./native-encoder.ts";
import { originColumns, type RowEncoder, type Sink } from "./sink.ts";

/** Transcodes `predictionSchema` (schemas/topics.ts), field by field in its order. */
const predictionEncoder = (): RowEncoder => {
  const avro = avroCursor();
  const id = stringColumn("id");
  const endpoint = dictionaryColumn("endpoint");
  const revision = int32Column("revision");
  const model = dictionaryColumn("model");
  const version = int32Column("version");
  const variant = dictionaryColumn("variant");
  const share = float64Column("share");
  const entity = stringColumn("entity");
  const key = stringColumn("key");
  const eventTime = timeColumn("event_time");
  const topic = dictionaryColumn("topic");
  const partition = int32Column("partition");
  const offset = int64Column("offset");
  const position = int64Column("position");
  const positions = arrayColumn("positions", "Array(Int64)", [position]);
  const [view, lookedUpIn, lookedUpAt] = [stringColumn("view"), int32Column("partition"), int64Column("offset")];
  const lookup = "Array(Tuple(view String, partition Int32, offset Int64))";
  const lookups = arrayColumn("lookups", lookup, [view, lookedUpIn, lookedUpAt]);
  const features = arrayColumn("features", "Array(Float32)", [numberColumn("feature", "Float32", 4)]);
  const output = float64Column("output");
  const servedAt = timeColumn("served_at");
  const latency = float64Column("latency_ms");
  const runtime = dictionaryColumn("runtime");
  const late = boolColumn("late");
  const columns = [
    ...[id, endpoint, revision, model, version, variant, share, entity, key, eventTime, topic],
    ...[partition, offset, positions, lookups, features, output, servedAt, latency, runtime, late],
  ];
  const aPosition = (): void => avro.longTo(position.to);
  const aLookup = (): void => {
    avro.stringTo(view.to);
    avro.intTo(lookedUpIn.to);
    avro.longTo(lookedUpAt.to);
  };
  return nativeEncoder(avro, columns, () => {
    avro.stringTo(id.to);
    avro.stringTo(endpoint.to);
    avro.intTo(revision.to);
    avro.stringTo(model.to);
    avro.intTo(version.to);
    avro.stringTo(variant.to);
    avro.doubleTo(share.to);
    avro.stringTo(entity.to);
    avro.stringTo(key.to);
    avro.longTo(eventTime.to);
    avro.stringTo(topic.to);
    avro.intTo(partition.to);
    avro.longTo(offset.to);
    avro.arrayTo(positions.to, aPosition);
    avro.arrayTo(lookups.to, aLookup);
    avro.floatsTo(features.to);
    avro.doubleTo(output.to);
    avro.longTo(servedAt.to);
    avro.doubleTo(latency.to);
    avro.stringTo(runtime.to);
    // Records of earlier releases end here.
    if (avro.left > 0) avro.booleanTo(late.to);
    else late.to.u8(0);
  });
};

export const predictionSink = (): Sink => ({
  kind: "predictions",
  table: "predictions",
  columns:
    `${originColumns}, id, endpoint, revision, model, version, variant, share, entity, key, ` +
    "event_time, topic, partition, offset, positions, lookups, features, output, served_at, latency_ms, runtime, late",
  format: "Native",
  encoder: predictionEncoder,
});
