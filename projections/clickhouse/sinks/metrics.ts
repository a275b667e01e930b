import type { RecordBatch } from "../../../infra/broker/port.ts";
import {
  dictionaryColumn,
  float64Column,
  int32Column,
  int64Column,
  type NativeColumn,
  nativeBlock,
  stringColumn,
} from "../../../infra/warehouse/native-block.ts";
import { type RowBinaryWriter, rowBinaryWriter } from "../../../infra/warehouse/row-binary.ts";
import { avroType } from "../../../schemas/codec.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import { type MetricBatchRecord, metricBatchSchema } from "../../../schemas/topics.ts";
import { isLater } from "../../tracking/latest.ts";
import { frameBytes, type RowEncoder, type Sink, type SinkAssignment } from "./sink.ts";

type Point = MetricBatchRecord["points"][number];

/** Columns of so many bytes a value that are written as they are. */
const bytesColumn = (name: string, type: string, size: number): NativeColumn & { to: RowBinaryWriter } => {
  const to = rowBinaryWriter(1 << 14);
  return {
    name,
    type,
    to,
    get length() {
      return to.length;
    },
    keep: (rows) => to.truncate(rows * size),
    reset: () => to.reset(),
    writeTo(out) {
      const bytes = to.bytes();
      out.raw(bytes, 0, bytes.length);
    },
  };
};

/** A UUID's two halves, each little-endian, of 32 hexadecimal digits. */
const uuidOf = (digits: string): Buffer => {
  const bytes = Buffer.from(digits, "hex");
  if (bytes.length !== 16)
    throw new MillraceError("UNDECODABLE_RECORD", `a run is no 32 hexadecimal digits: "${digits}"`);
  bytes.subarray(0, 8).reverse();
  bytes.subarray(8).reverse();
  return bytes;
};

const noRun = Buffer.alloc(16);

/**
 * A number of 128 bits, little-endian, that is larger the later a point is: its timestamp, which is not negative, then
 * its value in the order of doubles with NaN below all.
 */
const rankOf = ({ timestamp, value }: Point, rank: Buffer): Buffer => {
  if (Number.isNaN(value)) rank.writeBigUInt64LE(0n, 0);
  else {
    rank.writeDoubleLE(value === 0 ? 0 : value, 0);
    if (value < 0) for (let i = 0; i < 8; i++) rank[i] ^= 0xff;
    else rank[7] ^= 0x80;
  }
  rank.writeBigUInt64LE(BigInt(timestamp), 8);
  return rank;
};

const decode = (batch: RecordBatch, i: number): MetricBatchRecord => {
  try {
    const bytes = batch.bytes.subarray(batch.valueStart[i] + frameBytes, batch.valueEnd[i]);
    const record = avroType(metricBatchSchema).fromBuffer(bytes) as MetricBatchRecord;
    const early = record.points.find(({ timestamp }) => timestamp < 0);
    if (early === undefined) return record;
    throw new Error(`"${early.key}" has the timestamp ${early.timestamp}, which is before 1970`);
  } catch (cause) {
    const where = `${batch.topic}/${batch.partition} at ${batch.offsets[i]}`;
    throw new MillraceError("UNDECODABLE_RECORD", `${where}: ${(cause as Error).message}`, { cause });
  }
};

type Place = { project: string; topic: string; partition: number; offset: number };

type PointColumns = {
  columns: readonly NativeColumn[];
  write(place: Place, run: Buffer, experiment: string, point: Point): void;
};

const pointColumns = (isLatest: boolean): PointColumns => {
  const project = dictionaryColumn("project");
  const topic = dictionaryColumn("_topic");
  const partition = int32Column("_partition");
  const offset = int64Column("_offset");
  const runs = bytesColumn("run", "UUID", 16);
  const key = dictionaryColumn("key");
  const [timestamp, step, value] = [int64Column("timestamp"), int64Column("step"), float64Column("value")];
  const [model, dataset, digest] = [stringColumn("model"), stringColumn("dataset"), stringColumn("digest")];
  const experiments = dictionaryColumn("experiment");
  const ranks = bytesColumn("rank", "UInt128", 16);
  const rank = Buffer.alloc(16);
  return {
    columns: [
      ...[project, topic, partition, offset, runs, key, timestamp, step, value],
      ...(isLatest ? [experiments, ranks] : [model, dataset, digest]),
    ],
    write(place, run, experiment, point) {
      project.to.push(project.to.indexOf(place.project));
      topic.to.push(topic.to.indexOf(place.topic));
      partition.to.u32(place.partition);
      offset.to.i64(place.offset);
      runs.to.raw(run, 0, 16);
      key.to.push(key.to.indexOf(point.key));
      timestamp.to.i64(point.timestamp);
      step.to.i64(point.step);
      value.to.f64(point.value);
      if (isLatest) {
        experiments.to.push(experiments.to.indexOf(experiment));
        ranks.to.raw(rankOf(point, rank), 0, 16);
      } else {
        model.to.string(point.model);
        dataset.to.string(point.dataset);
        digest.to.string(point.digest);
      }
    },
  };
};

const latestOf = (points: readonly Point[]): Iterable<Point> => {
  const latest = new Map<string, Point>();
  for (const point of points) {
    const known = latest.get(point.key);
    if (known === undefined || isLater(point, known)) latest.set(point.key, point);
  }
  return latest.values();
};

const emptyPoint = { value: 0, step: 0, model: "", dataset: "", digest: "" };

/** A record has many rows; an insert also says, in a row of no run, up to where it has each partition. */
const metricsEncoder = (isLatest: boolean): RowEncoder => {
  const { columns, write } = pointColumns(isLatest);
  const block = nativeBlock(columns);
  let reached = new Map<string, Place>();
  const placeOf = (batch: RecordBatch, i: number, { project }: SinkAssignment): Place => ({
    project,
    topic: batch.topic,
    partition: batch.partition,
    offset: batch.offsets[i],
  });
  return {
    append(batch, i, assignment) {
      if (batch.valueStart[i] < 0) return false;
      const { run, experiment, points } = decode(batch, i);
      const uuid = uuidOf(run);
      const place = placeOf(batch, i, assignment);
      for (const point of isLatest ? latestOf(points) : points) {
        write(place, uuid, experiment, point);
        block.endRow();
      }
      reached.set(`${batch.topic}/${batch.partition}`, place);
      return true;
    },
    get length() {
      return block.length;
    },
    bytes() {
      for (const place of reached.values()) {
        const timestamp = isLatest ? place.offset : 0;
        write(place, noRun, "", { ...emptyPoint, key: String(place.partition), timestamp });
        block.endRow();
      }
      reached = new Map();
      return block.bytes();
    },
    reset() {
      reached = new Map();
      block.reset();
    },
  };
};

const origin = "project, _topic, _partition, _offset";

const metricSink = (table: string, isLatest: boolean): Sink => ({
  kind: "metrics",
  table,
  columns: `${origin}, run, key, timestamp, step, value, ${isLatest ? "experiment, rank" : "model, dataset, digest"}`,
  format: "Native",
  encoder: () => metricsEncoder(isLatest),
});

/** Every point, and the latest of each metric by run and by metric. */
export const metricSinks = (): Sink[] => [
  metricSink("metrics", false),
  metricSink("run_metrics", true),
  metricSink("latest_metrics", true),
];
