import assert from "node:assert/strict";
import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import { runSinks, type SinkAssignment } from "../../projections/clickhouse/runner.ts";
import type { PlaceCut } from "../../projections/places/cut.ts";
import { topicOf } from "../../schemas/topics.ts";
import { encodePrediction, type Fixture, openFixture, predictionAt } from "../projections/clickhouse-fixture.ts";
import { eventually } from "../streams/world.ts";

const project = "flights";

/** A broker's file that can be copied and put back, followed by the sinks into a real warehouse. */
const worldOf = (fixture: Fixture, endpoint: string) => {
  const topic = topicOf.predictions(project, endpoint);
  const assignment: SinkAssignment = { kind: "predictions", project, endpoint, topic };
  const path = join(fixture.folder, `${endpoint}.db`);
  const files = [path, `${path}-wal`];
  const copyOf = (file: string, name: string): string => `${file}.${name}`;
  const cuts: PlaceCut[] = [];
  const errors: string[] = [];
  let broker: Broker | null = null;
  let stop: (() => Promise<void>) | null = null;

  return {
    topic,
    path,
    cuts,
    errors,
    broker: () => broker as Broker,
    async open() {
      broker = sqliteBroker(path);
      await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
      const stopping = new AbortController();
      const running = runSinks({
        broker,
        warehouse: fixture.warehouse,
        topics: () => [assignment],
        signal: stopping.signal,
        clock: systemClock,
        flushMs: 20,
        retryMs: 20,
        onCut: (cut) => cuts.push(cut),
        onError: (_, error) => errors.push(`${error.code} ${error.message}`),
      });
      stop = async () => {
        stopping.abort();
        await running;
      };
    },
    async close() {
      await stop?.();
      await broker?.close();
      stop = null;
      broker = null;
    },
    /** Predictions `from` to `to` of each partition; `run` tells one history from another. */
    async predict(from: number, to: number, run: string) {
      const records = [0, 1].flatMap((partition) =>
        Array.from({ length: to - from }, (_, i) => ({
          key: "k",
          value: encodePrediction({ ...predictionAt(partition, from + i, endpoint), variant: run }),
          timestamp: 1,
          partition,
        })),
      );
      await broker?.produce(topic, records);
    },
    backUp(name: string) {
      for (const file of files) if (existsSync(file)) copyFileSync(file, copyOf(file, name));
    },
    restore(name: string) {
      for (const file of [...files, `${path}-shm`]) rmSync(file, { force: true });
      for (const file of files) if (existsSync(copyOf(file, name))) copyFileSync(copyOf(file, name), file);
    },
    empty() {
      for (const file of [...files, `${path}-shm`]) rmSync(file, { force: true });
    },
    rows: async (): Promise<Record<string, number>> => {
      const found = await fixture.rows<{ variant: string; n: string }>(
        `SELECT variant, toString(count()) AS n FROM predictions WHERE endpoint = '${endpoint}' GROUP BY variant`,
      );
      return Object.fromEntries(found.map(({ variant, n }) => [variant, Number(n)]));
    },
    async holds(expected: Record<string, number>) {
      let rows = {};
      await eventually(`the rows ${JSON.stringify(expected)}`, async () => {
        rows = await this.rows();
        return isDeepStrictEqual(rows, expected);
      }).catch((cause) => assert.deepEqual(rows, expected, `${cause}: ${errors}`));
    },
  };
};

describe("the warehouse beside a log that is not the one it was made of", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openFixture();
  });
  after(() => fixture.close());

  it("gets every record that is written after a restore, and loses those that the log never had", async (t) => {
    const world = worldOf(fixture, "restored");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 100, "before");
    await world.holds({ before: 200 });
    await world.close();
    world.backUp("copy");
    await world.open();
    await world.predict(100, 200, "lost");
    await world.holds({ before: 200, lost: 200 });
    await world.close();
    world.restore("copy");
    await world.open();
    await world.holds({ before: 200 });
    assert.deepEqual(
      world.cuts.map(({ store, log, from, to, reason }) => ({ store, log, from, to, reason })),
      [0, 1].map(() => ({
        store: "predictions",
        log: world.topic,
        from: 200,
        to: 100,
        reason: "the log lost its newest records",
      })),
    );
    // The same offsets as those that were lost, so that the same tokens would be sent.
    await world.predict(100, 200, "after");
    await world.holds({ before: 200, after: 200 });
  });

  it("is cut back when the log has grown past its place before it looked again", async (t) => {
    const world = worldOf(fixture, "grown");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 50, "before");
    await world.holds({ before: 100 });
    await world.close();
    world.backUp("copy");
    await world.open();
    await world.predict(50, 80, "lost");
    await world.holds({ before: 100, lost: 60 });
    await world.close();
    world.restore("copy");
    const alone = sqliteBroker(world.path);
    const records = [0, 1].flatMap((partition) =>
      Array.from({ length: 150 }, (_, i) => ({
        key: "k",
        value: encodePrediction({ ...predictionAt(partition, 50 + i, "grown"), variant: "after" }),
        timestamp: 1,
        partition,
      })),
    );
    await alone.produce(world.topic, records);
    await alone.close();
    await world.open();
    await world.holds({ before: 100, after: 300 });
    assert.equal(world.cuts.length, 2);
  });

  it("is cut back after a power cut took the newest commits out of the write-ahead log", async (t) => {
    const world = worldOf(fixture, "power");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 20, "before");
    await world.holds({ before: 40 });
    world.backUp("early");
    for (let i = 20; i < 60; i++) await world.predict(i, i + 1, "lost");
    await world.holds({ before: 40, lost: 80 });
    await world.close();
    // What the disk has after a power cut: the file as it was, and a write-ahead log that ends in the middle.
    world.restore("early");
    truncateSync(`${world.path}-wal`, statSync(`${world.path}-wal`).size - 7);
    await world.open();
    const [{ high }] = await world.broker().watermarks(world.topic);
    assert.ok(high < 60, `${high} records are left`);
    await world.predict(high, 70, "after");
    await world.holds({ ...(high > 0 ? { before: 2 * high } : {}), after: 2 * (70 - high) });
  });

  it("is emptied beside an emptied log, and takes up the new one from its start", async (t) => {
    const world = worldOf(fixture, "emptied");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 30, "before");
    await world.holds({ before: 60 });
    await world.close();
    world.empty();
    await world.open();
    await world.predict(0, 40, "after");
    await world.holds({ after: 80 });
    assert.deepEqual(
      world.cuts.map(({ to, reason }) => ({ to, reason })),
      [0, 1].map(() => ({ to: 0, reason: "it is another log" })),
    );
  });

  it("follows a topic that is deleted and made again under it", async (t) => {
    const world = worldOf(fixture, "again");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 30, "before");
    await world.holds({ before: 60 });
    const broker = world.broker();
    await broker.deleteTopic(world.topic);
    await broker.ensureTopic(world.topic, { partitions: 2, cleanup: "delete" });
    await world.predict(0, 90, "after");
    await world.holds({ after: 180 });
    assert.deepEqual(new Set(world.cuts.map(({ reason }) => reason)), new Set(["it is another log"]));
  });

  it("keeps the rows of a topic that is gone, until one of its name comes again", async (t) => {
    const world = worldOf(fixture, "gone");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 10, "before");
    await world.holds({ before: 20 });
    await world.broker().deleteTopic(world.topic);
    await eventually("the sink has noticed", async () => world.errors.length > 0);
    await world.holds({ before: 20 });
    assert.deepEqual(world.cuts, []);
    await world.broker().ensureTopic(world.topic, { partitions: 2, cleanup: "delete" });
    await world.predict(0, 25, "after");
    await world.holds({ after: 50 });
  });

  it("loses nothing over restarts of one log", async (t) => {
    const world = worldOf(fixture, "same");
    t.after(() => world.close());
    for (let round = 0; round < 4; round++) {
      await world.open();
      await world.predict(round * 10, round * 10 + 10, "one");
      await world.holds({ one: (round + 1) * 20 });
      await world.close();
    }
    assert.deepEqual(world.cuts, []);
  });

  it("is trusted without marks, as an earlier release has left it, up to the end of the log", async (t) => {
    const world = worldOf(fixture, "old");
    t.after(() => world.close());
    await world.open();
    await world.predict(0, 10, "before");
    await world.holds({ before: 20 });
    await world.close();
    await fixture.warehouse.client.command({
      query: "DELETE FROM places WHERE log = {topic:String}",
      query_params: { topic: world.topic },
    });
    await world.open();
    await world.predict(10, 20, "after");
    await world.holds({ before: 20, after: 20 });
    assert.deepEqual(world.cuts, []);
  });
});
