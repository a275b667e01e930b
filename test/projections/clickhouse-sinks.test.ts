import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import avsc from "avsc";
import { type Broker, partitionKey } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import { runSinks, type SinkAssignment, type SinkKind } from "../../projections/clickhouse/runner.ts";
import { frameHeader } from "../../schemas/byte-writer.ts";
import { packNumbers } from "../../schemas/packed.ts";
import { deadLetterSchema, driftSchema, tileSchema, topicOf } from "../../schemas/topics.ts";
import {
  encodeOutcome,
  encodePrediction,
  type Fixture,
  openFixture,
  outcomeAt,
  predictionAt,
} from "./clickhouse-fixture.ts";

const project = "flights";
const predictions: SinkAssignment = {
  kind: "predictions",
  project,
  endpoint: "delay",
  topic: topicOf.predictions(project, "delay"),
};
const outcomes: SinkAssignment = { ...predictions, kind: "outcomes", topic: topicOf.outcomes(project, "delay") };
const drift: SinkAssignment = { kind: "drift", project, topic: topicOf.drift(project) };
const tiles: SinkAssignment = { kind: "tiles", project, topic: topicOf.tiles(project) };
const letters: SinkAssignment = { kind: "deadLetters", project, topic: topicOf.deadLetters(project) };
const changelog: SinkAssignment = {
  kind: "changelog",
  project,
  application: "flights.by-origin-2",
  topic: topicOf.changelog("flights.by-origin-2"),
};

const framed = (schema: unknown, value: unknown): Buffer =>
  Buffer.concat([frameHeader(9), avsc.Type.forSchema(schema as avsc.Schema).toBuffer(value)]);

describe("sinks", () => {
  let fixture: Fixture;
  let broker: Broker;

  before(async () => {
    fixture = await openFixture();
    broker = sqliteBroker(join(fixture.folder, "broker.db"));
    for (const { topic } of [predictions, outcomes, drift, tiles, letters, changelog]) {
      await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
    }
  });
  after(async () => {
    await broker.close();
    await fixture.close();
  });

  const produce = (
    topic: string,
    partition: number,
    values: (Buffer | null)[],
    key: Buffer | null = null,
  ): Promise<unknown> =>
    broker.produce(
      topic,
      values.map((value, i) => ({ key, value, timestamp: i, partition })),
    );

  /** Runs the sinks until they are through with everything that the topics hold, then stops them. */
  const drain = async (
    assignments: SinkAssignment[],
    more: { during?: () => void; errors?: { kind: SinkKind; message: string }[]; flushRecords?: number } = {},
  ): Promise<void> => {
    const missing = new Map<string, number>();
    for (const { topic } of assignments) {
      if ((await broker.topic(topic)) === null) continue;
      for (const [partition, { high }] of (await broker.watermarks(topic)).entries()) {
        if (high > 0) missing.set(partitionKey(topic, partition), high - 1);
      }
    }
    const held = await Promise.all(
      assignments.map(({ kind, topic }) => {
        const table = { deadLetters: "dead_letters", changelog: "feature_values" }[kind as string] ?? kind;
        return fixture.rows<{ p: number; last: number }>(
          `SELECT _partition AS p, max(_offset) AS last FROM ${table} WHERE _topic = '${topic}' GROUP BY p`,
        );
      }),
    );
    assignments.forEach(({ topic }, i) => {
      for (const { p, last } of held[i]) {
        const key = partitionKey(topic, p);
        if ((missing.get(key) ?? -1) <= last) missing.delete(key);
      }
    });
    if (missing.size === 0) return;
    const stop = new AbortController();
    await runSinks({
      broker,
      warehouse: fixture.warehouse,
      topics: () => assignments,
      decodeFeatures: (_project, key, value) =>
        key.toString() === "other"
          ? null
          : {
              view: "origin",
              version: 1,
              entity: key.toString(),
              at: 1_000,
              values: new Float64Array([value[0], NaN]),
            },
      signal: stop.signal,
      clock: systemClock,
      flushRecords: more.flushRecords ?? 300,
      flushMs: 20,
      onError: (kind, error) => more.errors?.push({ kind, message: error.message }),
      onProgress: ({ offsets }) => {
        more.during?.();
        for (const [key, last] of offsets) if ((missing.get(key) ?? -1) <= last) missing.delete(key);
        if (missing.size === 0) stop.abort();
      },
    });
  };

  it("writes every prediction once, in every field as it was encoded", async () => {
    for (const partition of [0, 1]) {
      const values = Array.from({ length: 1000 }, (_, i) => encodePrediction(predictionAt(partition, i)));
      await produce(predictions.topic, partition, values);
    }
    await drain([predictions]);
    const [{ n, u }] = await fixture.rows<{ n: number; u: number }>(
      "SELECT count() AS n, uniqExact(id) AS u FROM predictions",
    );
    assert.deepEqual([n, u], [2000, 2000]);
    const [row] = await fixture.rows<Record<string, unknown>>(
      "SELECT *, toUnixTimestamp64Milli(event_time) AS at, toUnixTimestamp64Milli(served_at) AS served, _topic, _partition, _offset " +
        "FROM predictions WHERE id = 'delay-1-990'",
    );
    const expected = predictionAt(1, 990);
    assert.deepEqual(row, {
      project,
      endpoint: "delay",
      id: expected.id,
      revision: 3,
      model: "late",
      version: 2,
      variant: "challenger",
      share: 0.1,
      entity: expected.entity,
      key: expected.key,
      event_time: "2001-09-09 02:03:10.000",
      topic: "departures",
      partition: 1,
      offset: 990,
      positions: expected.positions,
      lookups: expected.lookups,
      features: [330, null],
      output: expected.output,
      served_at: "2023-11-14 22:13:20.990",
      latency_ms: expected.latencyMs,
      runtime: "test",
      late: true,
      at: expected.eventTime,
      served: expected.servedAt,
      _topic: predictions.topic,
      _partition: 1,
      _offset: 990,
    });
  });

  it("goes on behind what the table holds, and takes up topics that come to be", async () => {
    await produce(predictions.topic, 0, [encodePrediction(predictionAt(0, 1000))]);
    const later: SinkAssignment = { ...predictions, endpoint: "later", topic: topicOf.predictions(project, "later") };
    await broker.ensureTopic(later.topic, { partitions: 1, cleanup: "delete" });
    await produce(later.topic, 0, [encodePrediction(predictionAt(0, 0, "later"))]);
    await drain([predictions, later, { ...later, topic: "not-there-yet" }]);
    assert.deepEqual(
      await fixture.rows(
        "SELECT endpoint, count() AS n, uniqExact(id) AS u FROM predictions GROUP BY endpoint ORDER BY endpoint",
      ),
      [
        { endpoint: "delay", n: 2001, u: 2001 },
        { endpoint: "later", n: 1, u: 1 },
      ],
    );
  });

  it("loses and doubles nothing while the warehouse is killed again and again", async () => {
    const endpoint = "stormy";
    const stormy: SinkAssignment = { ...predictions, endpoint, topic: topicOf.predictions(project, endpoint) };
    await broker.ensureTopic(stormy.topic, { partitions: 2, cleanup: "delete" });
    for (const partition of [0, 1]) {
      const values = Array.from({ length: 3000 }, (_, i) => encodePrediction(predictionAt(partition, i, endpoint)));
      await produce(stormy.topic, partition, values);
    }
    let inserts = 0;
    await drain([stormy], {
      flushRecords: 500,
      during: () => {
        if (++inserts % 2 === 1 && inserts < 8) process.kill(fixture.engine.pid, "SIGKILL");
      },
    });
    const [{ n, u }] = await fixture.rows<{ n: number; u: number }>(
      `SELECT count() AS n, uniqExact(id) AS u FROM predictions WHERE endpoint = '${endpoint}'`,
    );
    assert.deepEqual([n, u], [6000, 6000]);
  });

  it("writes outcomes, drift, tiles, dead letters and features", async () => {
    await produce(outcomes.topic, 1, [encodeOutcome(outcomeAt(1, 7, 1))]);
    const found = {
      monitor: "m",
      endpoint: "delay",
      model: "late",
      version: 1,
      column: "hour",
      statistic: "psi",
      value: 0.5,
      threshold: 0.1,
      drifted: true,
      from: 0,
      to: 3_600_000,
      rows: 10,
    };
    await produce(drift.topic, 0, [framed(driftSchema, found)]);
    const values = new Float64Array([1, 0, 0, 2.5, -1]);
    const tile = (rows: number): Buffer =>
      framed(tileSchema, {
        kind: "drift",
        endpoint: "delay",
        model: "late",
        version: 1,
        partition: 0,
        from: 0,
        to: 3_600_000,
        watermark: 5,
        rows,
        columns: ["a", "b"],
        bins: [2, 3],
        length: values.length,
        values: packNumbers(values),
      });
    await produce(tiles.topic, 0, [tile(1), tile(2), null]);
    const letter = {
      stage: "decode",
      code: "UNDECODABLE_RECORD",
      message: "no",
      topic: "departures",
      partition: 1,
      offset: 5,
      schemaId: 4,
      key: null,
      value: Buffer.from([0, 255, 1]),
      timestamp: 10,
      failedAt: 20,
    };
    await produce(letters.topic, 0, [framed(deadLetterSchema, letter)]);
    await produce(changelog.topic, 0, [Buffer.from([42])], Buffer.from("JFK"));
    await drain([outcomes, drift, tiles, letters, changelog]);
    assert.deepEqual(await fixture.rows("SELECT prediction_id, outcome, _partition FROM outcomes"), [
      { prediction_id: "delay-1-7", outcome: 1, _partition: 1 },
    ]);
    assert.deepEqual(await fixture.rows("SELECT column, value, drifted FROM drift"), [
      { column: "hour", value: 0.5, drifted: true },
    ]);
    assert.deepEqual(await fixture.rows("SELECT rows, bins, values FROM tiles FINAL"), [
      { rows: 2, bins: [2, 3], values: [...values] },
    ]);
    assert.deepEqual(await fixture.rows("SELECT stage, schema_id, key, hex(value) AS value FROM dead_letters"), [
      { stage: "decode", schema_id: 4, key: null, value: "00FF01" },
    ]);
    assert.deepEqual(await fixture.rows("SELECT application, view, entity, values FROM feature_values"), [
      { application: "flights.by-origin-2", view: "origin", entity: "JFK", values: [42, null] },
    ]);
  });

  it("knows whose a record is behind a tombstone, whatever it wrote before", async () => {
    const [first, second] = ["full", "hollow"].map(
      (endpoint): SinkAssignment => ({ ...predictions, endpoint, topic: topicOf.predictions(project, endpoint) }),
    );
    for (const { topic } of [first, second]) await broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
    await produce(first.topic, 0, [encodePrediction(predictionAt(0, 0, "full"))]);
    await produce(second.topic, 0, [null, encodePrediction(predictionAt(0, 1, "hollow"))]);
    await drain([first, second]);
    assert.deepEqual(
      await fixture.rows(
        "SELECT endpoint, _topic, _offset FROM predictions WHERE endpoint IN ('full', 'hollow') ORDER BY endpoint",
      ),
      [
        { endpoint: "full", _topic: first.topic, _offset: 0 },
        { endpoint: "hollow", _topic: second.topic, _offset: 1 },
      ],
    );
  });

  it("leaves out a record that is cut off, says so and goes on", async () => {
    const endpoint = "torn";
    const torn: SinkAssignment = { ...predictions, endpoint, topic: topicOf.predictions(project, endpoint) };
    await broker.ensureTopic(torn.topic, { partitions: 1, cleanup: "delete" });
    const [first, second, third] = [0, 1, 2].map((i) => encodePrediction(predictionAt(0, i, endpoint)));
    await produce(torn.topic, 0, [first, second.subarray(0, 40), third]);
    const errors: { kind: SinkKind; message: string }[] = [];
    await drain([torn], { errors });
    assert.deepEqual(
      await fixture.rows(`SELECT _offset FROM predictions WHERE endpoint = '${endpoint}' ORDER BY _offset`),
      [{ _offset: 0 }, { _offset: 2 }],
    );
    assert.equal(errors.length, 1);
    assert.match(errors[0].message, /too soon/);
  });
});
