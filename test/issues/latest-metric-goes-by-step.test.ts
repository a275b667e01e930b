import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { runSinks } from "../../projections/clickhouse/runner.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { type MetricPoint, type TrackingStore, trackingStore } from "../../projections/tracking/index.ts";
import { isLater, rankOf } from "../../projections/tracking/latest.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { eventually } from "../streams/world.ts";

const project = "p";
const at = (key: string, value: number, timestamp: number, step: number): MetricPoint => ({
  ...{ key, value, timestamp, step },
});

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const steps = [-(2 ** 52), -3, -1, 0, 1, 5, 2 ** 53 - 2];
const times = [0, 1, 2 ** 53 - 2];
const values = [-infinity, -1.5, -Number.MIN_VALUE, nan, 0, Number.MIN_VALUE, 2.5, infinity];

/** Every point of some, from the earliest to the latest. */
const ascending = steps.flatMap((step) =>
  times.flatMap((timestamp) => values.map((value) => ({ step, timestamp, value }))),
);

const numberOf = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);

/** What MLflow 3.17's server answers for these batches, of runs of their own. */
const logged: Record<string, { points: MetricPoint[]; latest: number }> = {
  "three losses of one millisecond": {
    points: [at("m", 1, 7, 0), at("m", 0.5, 7, 1), at("m", 0.25, 7, 2)],
    latest: 0.25,
  },
  "a lower step at a later time": { points: [at("m", 30, 7, 5), at("m", 40, 1_007, -2)], latest: 30 },
  "the higher value of one step and time": {
    points: [at("m", 2, 7, 3), at("m", 9, 7, 3), at("m", 4, 7, 3)],
    latest: 9,
  },
  "a later time of one step": { points: [at("m", 9, 7, 3), at("m", 1, 8, 3)], latest: 1 },
  "no number, which stands where 0 does": { points: [at("m", -1, 7, 3), at("m", nan, 7, 3)], latest: nan },
  "no number below a value": { points: [at("m", nan, 7, 3), at("m", 1, 7, 3)], latest: 1 },
  "steps below 0": { points: [at("m", 1, 9, -7), at("m", 2, 8, -6)], latest: 2 },
};
const runOf = (i: number): string => String(i).padStart(32, "a");

describe("the latest point of a metric is the one of the highest step, then time, then value", () => {
  let fixture: Fixture;
  let broker: Broker;
  let eventStore: EventStore;
  let store: TrackingStore;

  before(async () => {
    fixture = await openFixture();
    broker = sqliteBroker(join(fixture.folder, "broker.db"));
    eventStore = sqliteEventStore(join(fixture.folder, "events.db"));
    const registry = await openSchemaRegistry("embedded:", eventStore);
    store = trackingStore({ broker, eventStore, registry, warehouse: fixture.warehouse, runs: async () => [] });
  });
  after(async () => {
    await broker.close();
    await eventStore.close();
    await fixture.close();
  });

  const sinking = () => {
    const stop = new AbortController();
    const { warehouse } = fixture;
    const topics = () => [{ kind: "metrics" as const, project, topic: topicOf.metrics(project) }];
    const running = runSinks({ broker, warehouse, topics, signal: stop.signal, clock: systemClock, flushMs: 20 });
    return async (): Promise<void> => {
      stop.abort();
      await running;
    };
  };
  const inTables = async (): Promise<void> => {
    const ends = await broker.watermarks(topicOf.metrics(project));
    for (const table of ["run_metrics", "latest_metrics"]) {
      for (const [partition, { high }] of ends.entries()) {
        const query = `SELECT toInt64(max(_offset)) + 1 AS next FROM ${table} WHERE _partition = ${partition}`;
        if (high > 0)
          await eventually(table, async () => (await fixture.rows<{ next: number }>(query))[0].next >= high);
      }
    }
  };
  const check = async (): Promise<void> => {
    const names = Object.keys(logged);
    const found = await store.latestMetrics(
      project,
      names.map((_, i) => runOf(i)),
    );
    for (const [i, name] of names.entries()) assert.equal(found.get(runOf(i))?.[0].value, logged[name].latest, name);
  };

  it("in memory and as the number that the tables go by", () => {
    for (const [i, a] of ascending.entries()) {
      for (const [j, b] of ascending.entries()) {
        assert.equal(isLater(a, b), i > j, `${JSON.stringify(a)} ${JSON.stringify(b)}`);
        const [one, other] = [numberOf(rankOf(a, Buffer.alloc(32))), numberOf(rankOf(b, Buffer.alloc(32)))];
        assert.equal(one > other, i > j);
      }
    }
    assert.equal(isLater({ ...ascending[0], value: -0 }, { ...ascending[0], value: 0 }), false);
    assert.equal(isLater({ ...ascending[0], value: 0 }, { ...ascending[0], value: -0 }), false);
  });

  it("out of the log, out of the tables, and after the tables were merged", async () => {
    for (const [i, { points }] of Object.values(logged).entries()) {
      for (const point of points) await store.logMetrics(project, { run: runOf(i), experiment: "1" }, [point]);
    }
    await check();
    const stop = sinking();
    await inTables();
    await stop();
    await check();
    for (const table of ["run_metrics", "latest_metrics"]) {
      await fixture.warehouse.client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
      const rows = await fixture.rows<{ n: number }>(`SELECT toInt32(count()) AS n FROM ${table} WHERE key = 'm'`);
      assert.deepEqual(rows, [{ n: Object.keys(logged).length }]);
    }
    await check();
  });

  it("in tables that an earlier release had filled by the time alone", async () => {
    const { client } = fixture.warehouse;
    for (const table of ["run_metrics", "latest_metrics"]) {
      const [{ made }] = await fixture.rows<{ made: string }>(
        `SELECT create_table_query AS made FROM system.tables WHERE database = currentDatabase() AND name = '${table}'`,
      );
      await client.command({ query: `DROP TABLE ${table} SYNC` });
      await client.command({ query: made.replaceAll("recency", "rank").replace("UInt256", "UInt128") });
      const wrong = {
        project,
        experiment: "1",
        key: "m",
        run: runOf(1),
        value: 40,
        timestamp: 1_007,
        step: -2,
        rank: 9,
      };
      await client.insert({
        table,
        values: [{ ...wrong, _topic: topicOf.metrics(project), _offset: 999 }],
        format: "JSONEachRow",
      });
    }
    await client.command({ query: "DELETE FROM schema_versions WHERE version > 4" });
    await ensureTables(fixture.warehouse);
    const stop = sinking();
    await inTables();
    await stop();
    await check();
  });
});
