import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { runSinks } from "../../projections/clickhouse/runner.ts";
import { trackingStore } from "../../projections/tracking/index.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { eventually } from "../streams/world.ts";

const project = "p";
const run = "0123456789abcdef0123456789abcdef";
const of = { run, experiment: "0" } as Parameters<ReturnType<typeof trackingStore>["logMetrics"]>[1];
const point = (value: number, step: number) => ({ key: "loss", value, timestamp: step, step });

describe("metrics of a run whose table was made of another log", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openFixture();
  });
  after(() => fixture.close());

  const opened = async (name: string) => {
    const eventStore = sqliteEventStore(join(fixture.folder, "events.db"));
    const registry = await openSchemaRegistry("embedded:", eventStore);
    const broker = sqliteBroker(join(fixture.folder, `${name}.db`));
    const { warehouse } = fixture;
    const store = trackingStore({ broker, eventStore, registry, warehouse, runs: async () => [] });
    const close = async (): Promise<void> => {
      await broker.close();
      await registry.close();
      await eventStore.close();
    };
    return { broker, store, close };
  };

  const sinking = (broker: Broker) => {
    const stop = new AbortController();
    const running = runSinks({
      broker,
      warehouse: fixture.warehouse,
      topics: () => [{ kind: "metrics", project, topic: topicOf.metrics(project) }],
      signal: stop.signal,
      clock: systemClock,
      flushMs: 20,
    });
    return async (): Promise<void> => {
      stop.abort();
      await running;
    };
  };

  const points = async (table: string): Promise<number> => {
    const [{ n }] = await fixture.rows<{ n: string }>(
      `SELECT toString(count()) AS n FROM ${table} FINAL WHERE key = 'loss'`,
    );
    return Number(n);
  };

  it("can be read at once, before and after the tables are written anew", async (t) => {
    const first = await opened("first");
    for (let step = 0; step < 20; step++) await first.store.logMetrics(project, of, [point(step, step)]);
    const stopFirst = sinking(first.broker);
    await eventually("all points", async () => (await points("metrics")) === 20);
    await eventually("the latest", async () => (await points("run_metrics")) === 1);
    await stopFirst();
    await first.close();

    const second = await opened("second");
    t.after(() => second.close());
    await second.store.logMetrics(project, of, [point(100, 100)]);
    const [latest] = (await second.store.latestMetrics(project, [run])).get(run) ?? [];
    assert.equal(latest?.value, 100, "the tail is read though the table ends beyond the log");
    const history = await second.store.metricHistory(project, run, "loss", { first: 100 });
    assert.ok(history.points.some(({ value }) => value === 100));

    const stopSecond = sinking(second.broker);
    await eventually("one point in each table", async () => {
      const counts = await Promise.all(["metrics", "run_metrics", "latest_metrics"].map(points));
      return counts.every((count) => count === 1);
    });
    await stopSecond();
    assert.deepEqual(
      (await second.store.metricHistory(project, run, "loss", { first: 100 })).points.map(({ value }) => value),
      [100],
    );
  });

  it("can be logged when their topic was deleted since", async (t) => {
    const opener = await opened("third");
    t.after(() => opener.close());
    await opener.store.logMetrics(project, of, [point(1, 1)]);
    await opener.broker.deleteTopic(topicOf.metrics(project));
    await opener.store.logMetrics(project, of, [point(2, 2)]);
    assert.deepEqual(
      (await opener.broker.watermarks(topicOf.metrics(project))).reduce((sum, { high }) => sum + high, 0),
      1,
    );
  });
});
