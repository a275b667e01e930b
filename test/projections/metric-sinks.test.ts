import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Broker, RecordBatch } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { rowsOf } from "../../projections/clickhouse/rows.ts";
import { metricSinks } from "../../projections/clickhouse/sinks/metrics.ts";
import type { SinkAssignment } from "../../projections/clickhouse/sinks/sink.ts";
import { metricTail } from "../../projections/tracking/tail.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import type { MillraceError } from "../../schemas/errors.ts";
import { metricBatchSchema, topicOf } from "../../schemas/topics.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";

const project = "flights";
const topic = topicOf.metrics(project);
const assignment: SinkAssignment = { kind: "metrics", project, topic };
const run = "0123456789abcdef0123456789abcdef";

const point = (value: number, of: { timestamp?: number; step?: number } = {}) => ({
  ...{ key: `loss-${value}`, value, timestamp: 1_000, step: 0, model: "", dataset: "", digest: "" },
  ...of,
});
const batchOf = (...points: ReturnType<typeof point>[]): Buffer =>
  frame(1, avroType(metricBatchSchema), { run, experiment: "1", points });

/** The largest long that avsc writes; in its place a record can hold one that no double holds exactly. */
const largest = Number.MAX_SAFE_INTEGER - 1;
const beyondLargest = (record: Buffer): Buffer =>
  Buffer.from(record.toString("hex").replace("fcffffffffffff1f", "fcffffffffffffff7f"), "hex");

/** Behind the records of any partition. */
const foreignEnd = 1_000;

const foreign: Record<string, Buffer> = {
  "a time before 1970": batchOf(point(7, { timestamp: 2_000 }), point(8, { timestamp: -1 })),
  "a time beyond 2^53": beyondLargest(batchOf(point(7), point(8, { timestamp: largest }))),
  "a step beyond 2^53": beyondLargest(batchOf(point(7), point(8, { step: largest }))),
  "a run that is none": frame(1, avroType(metricBatchSchema), { run: "mine", experiment: "1", points: [point(7)] }),
  "an end too soon": batchOf(point(7), point(8)).subarray(0, 60),
};

describe("the sinks of metrics, and the tail that is in no table yet,", () => {
  let fixture: Fixture;
  let broker: Broker;

  before(async () => {
    fixture = await openFixture();
    broker = sqliteBroker(join(fixture.folder, "broker.db"));
    await broker.ensureTopic(topic, { partitions: Object.keys(foreign).length, cleanup: "delete" });
  });
  after(async () => {
    await broker.close();
    await fixture.close();
  });

  const polled = async (partition: number, values: Buffer[]): Promise<RecordBatch> => {
    await broker.produce(
      topic,
      values.map((value, i) => ({ key: Buffer.from(run), value, timestamp: i, partition })),
    );
    const reader = broker.reader({ partitions: [{ topic, partition }], from: new Map() });
    const batch = await reader.poll(topic, partition);
    await reader.close();
    assert.equal(batch?.count, values.length);
    return batch;
  };

  Object.entries(foreign).forEach(([what, record], partition) => {
    it(`leave out a foreign record with ${what}, with all of its points, and go on`, async () => {
      const batch = await polled(partition, [batchOf(point(1, { step: -1 })), record, batchOf(point(2))]);
      const before = new Map(Object.keys(foreign).map((_, other) => [other, other === partition ? 0 : foreignEnd]));
      const tail = await metricTail(broker, project, null, before);
      assert.deepEqual(
        tail.flatMap(({ points }) => points.map(({ value }) => value)),
        [1, 2],
      );
      for (const sink of metricSinks()) {
        const skipped: MillraceError[] = [];
        const rows = rowsOf(sink, (error) => skipped.push(error));
        rows.add(batch, assignment);
        assert.deepEqual(
          skipped.map(({ code }) => code),
          ["UNDECODABLE_RECORD"],
        );
        await fixture.warehouse.insert(sink, rows.bytes(), rows.token(""));
        const query = `SELECT value FROM ${sink.table} WHERE _partition = ${partition} AND key LIKE 'loss-%' ORDER BY value`;
        assert.deepEqual(await fixture.rows(query), [{ value: 1 }, { value: 2 }]);
      }
    });
  });
});
