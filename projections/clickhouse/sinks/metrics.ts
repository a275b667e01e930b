import type { RecordBatch } from "../../../infra/broker/port.ts";
import {
  dictionaryColumn,
  float64Column,
  int64Column,
  type NativeColumn,
  nativeBlock,
  numberColumn,
  stringColumn,
} from "../../../infra/warehouse/native-block.ts";
import type { MetricBatchRecord } from "../../../schemas/topics.ts";
import { isLater, rankOf } from "../../tracking/latest.ts";
import { decodeMetrics } from "../../tracking/metric-record.ts";
import { originOf } from "./origin.ts";
import { originColumns, type RowEncoder, type Sink, type SinkAssignment } from "./sink.ts";

type Point = MetricBatchRecord["points"][number];

/** A UUID's two halves, each little-endian, of 32 hexadecimal digits. */
const uuidOf = (digits: string): Buffer => {
  const bytes = Buffer.from(digits, "hex");
  bytes.subarray(0, 8).reverse();
  bytes.subarray(8).reverse();
  return bytes;
};

const noRun = Buffer.alloc(16);

type PointColumns = {
  columns: readonly NativeColumn[];
  write(run: Buffer, experiment: string, point: Point): void;
};

const pointColumns = (isLatest: boolean): PointColumns => {
  const runs = numberColumn("run", "UUID", 16);
  const key = dictionaryColumn("key");
  const [timestamp, step, value] = [int64Column("timestamp"), int64Column("step"), float64Column("value")];
  const [model, dataset, digest] = [stringColumn("model"), stringColumn("dataset"), stringColumn("digest")];
  const experiments = dictionaryColumn("experiment");
  const ranks = numberColumn("recency", "UInt256", 32);
  const rank = Buffer.alloc(32);
  return {
    columns: [runs, key, timestamp, step, value, ...(isLatest ? [experiments, ranks] : [model, dataset, digest])],
    write(run, experiment, point) {
      runs.to.raw(run, 0, 16);
      key.to.push(key.to.indexOf(point.key));
      timestamp.to.i64(point.timestamp);
      step.to.i64(point.step);
      value.to.f64(point.value);
      if (isLatest) {
        experiments.to.push(experiments.to.indexOf(experiment));
        ranks.to.raw(rankOf(point, rank), 0, 32);
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

type Place = { project: string; topic: string; partition: number; offset: number };

/** A record has many rows; an insert also says, in a row of no run, up to where it has each partition. */
const metricsEncoder = (isLatest: boolean): RowEncoder => {
  const origin = originOf();
  const { columns, write } = pointColumns(isLatest);
  const block = nativeBlock([...origin.columns, ...columns]);
  let reached = new Map<string, Place>();
  const placeOf = (batch: RecordBatch, i: number, { project }: SinkAssignment): Place => ({
    project,
    topic: batch.topic,
    partition: batch.partition,
    offset: batch.offsets[i],
  });
  const addRow = (place: Place, run: Buffer, experiment: string, point: Point): void => {
    origin.write(place.project, place.topic, place.partition, place.offset);
    write(run, experiment, point);
    block.endRow();
  };
  return {
    append(batch, i, assignment) {
      if (batch.valueStart[i] < 0) return false;
      const { run, experiment, points } = decodeMetrics(batch, i);
      const uuid = uuidOf(run);
      const place = placeOf(batch, i, assignment);
      for (const point of isLatest ? latestOf(points) : points) addRow(place, uuid, experiment, point);
      reached.set(`${batch.topic}/${batch.partition}`, place);
      return true;
    },
    get length() {
      return block.length;
    },
    bytes() {
      for (const place of reached.values()) {
        const timestamp = isLatest ? place.offset : 0;
        addRow(place, noRun, "", { ...emptyPoint, key: String(place.partition), timestamp });
      }
      reached = new Map();
      return block.bytes();
    },
    reset() {
      reached = new Map();
      origin.reset();
      block.reset();
    },
  };
};

const metricSink = (table: string, isLatest: boolean): Sink => ({
  kind: "metrics",
  table,
  replaces: true,
  columns: `${originColumns}, run, key, timestamp, step, value, ${isLatest ? "experiment, recency" : "model, dataset, digest"}`,
  format: "Native",
  encoder: () => metricsEncoder(isLatest),
});

/** Every point, and the latest of each metric by run and by metric. */
export const metricSinks = (): Sink[] => [
  metricSink("metrics", false),
  metricSink("run_metrics", true),
  metricSink("latest_metrics", true),
];
