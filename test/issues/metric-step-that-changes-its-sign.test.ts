import assert from "node:assert/strict";
import { test } from "node:test";
import { metricBatch } from "../../projections/tracking/points.ts";
import { avroType, frame, valueDecoder } from "../../schemas/codec.ts";
import { type MetricBatchRecord, metricBatchSchema } from "../../schemas/topics.ts";

const type = avroType(metricBatchSchema);
const decode = valueDecoder<MetricBatchRecord>(metricBatchSchema);
const batchOf = (timestamp: number, step: number) =>
  metricBatch({ run: "a".repeat(32), experiment: "1" }, [{ key: "k", value: 1, timestamp, step }]);

test("a step or a time that Avro's writer cannot hold is refused; what is taken is read as it was given", () => {
  for (const [timestamp, step] of [
    [0, -(2 ** 52)],
    [2 ** 53 - 2, 2 ** 53 - 2],
  ]) {
    const bytes = frame(1, type, batchOf(timestamp, step));
    const [point] = decode(bytes, 0, bytes.length).points;
    assert.deepEqual([point.timestamp, point.step], [timestamp, step]);
  }
  for (const step of [-(2 ** 52) - 1, -(2 ** 53) + 1, 2 ** 53 - 1, 0.5]) {
    assert.throws(() => batchOf(0, step), { code: "BAD_REQUEST", message: /metrics\[0\]\.step/ });
  }
  for (const timestamp of [-1, 2 ** 53 - 1]) {
    assert.throws(() => batchOf(timestamp, 0), { code: "BAD_REQUEST", message: /metrics\[0\]\.timestamp/ });
  }
});
