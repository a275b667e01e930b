import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { rebuildByDoor } from "../../platform/cli/rebuild-by-door.ts";
import { projectionNames, rebuildProjection } from "../../platform/rebuild/rebuild.ts";
import { featureKey } from "../../projections/online-changes.ts";
import { topicOf } from "../../schemas/topics.ts";
import { eventually } from "../streams/world.ts";
import {
  openShop,
  type Running,
  runPlatform,
  settingsFor,
  silent,
  temporaryFolder,
  trade,
  untilTraded,
} from "./shop.ts";

const tables = ["predictions", "outcomes", "drift", "tiles", "feature_values", "dead_letters", "audit", "documents"];

/** What each table holds, as a count and a sum of hashes, whatever the order of its rows. */
const contents = async ({ sql }: Running): Promise<Record<string, unknown>> => {
  const found: Record<string, unknown> = {};
  for (const table of tables) {
    found[table] = await sql(`SELECT count() AS n, toString(sum(cityHash64(*))) AS hash FROM ${table} FINAL`);
  }
  return found;
};

/** Waits until every sink has nothing left to write. */
const settled = async (running: Running): Promise<Record<string, unknown>> => {
  let before = "";
  return eventually("the tables stand still", async () => {
    const now = await contents(running);
    const text = JSON.stringify(now);
    if (text === before) return now;
    before = text;
    return null;
  });
};

const shop = async (t: TestContext, events: number): Promise<Running> => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, events);
  await untilTraded(running, events);
  return running;
};

const byDoor = (name: string, { settings }: Running, onProgress: () => void = () => {}) =>
  rebuildByDoor(name, settings, onProgress, new AbortController().signal);

const rebuildTables = (running: Running): Promise<string[]> =>
  running
    .sql<{ name: string }>("SELECT name FROM system.tables WHERE name LIKE '%rebuild%'")
    .then((rows) => rows.map(({ name }) => name));

const settledEvents = 600;

test("rebuilds of a running platform", async (t) => {
  const running = await shop(t, settledEvents);

  await t.test("every projection is rebuilt by the running platform, and holds the same afterwards", async () => {
    const before = await settled(running);
    for (const name of projectionNames) {
      let told = 0;
      const { records } = await byDoor(name, running, () => {
        told++;
      });
      if (name !== "drift" && name !== "dead_letters") assert.ok(records > 0 && told > 0, name);
    }
    assert.deepEqual(await contents(running), before);
    assert.deepEqual(await rebuildTables(running), []);
    assert.equal((await fetch(`${running.platform.url}/health/ready`)).status, 200);
  });

  await t.test("what was damaged is mended; rows whose records the log no longer has stay", async () => {
    const before = await settled(running);
    await running.warehouse.client.command({
      query: "INSERT INTO predictions SELECT * REPLACE (output + 1 AS output, 'ghost' AS id) FROM predictions LIMIT 5",
    });
    await running.warehouse.client.command({ query: "TRUNCATE TABLE audit" });
    assert.notDeepEqual(await contents(running), before);
    await byDoor("predictions", running);
    await byDoor("audit", running);
    assert.deepEqual(await contents(running), before);

    const gone =
      "INSERT INTO predictions SELECT * REPLACE ('gone.buy.predictions' AS _topic, 'kept' AS id) FROM predictions";
    await running.warehouse.client.command({ query: `${gone} LIMIT 1` });
    await running.warehouse.client.command({
      query: `INSERT INTO feature_values SELECT * REPLACE ('gone.by-shop-2.changelog' AS _topic, 'kept' AS entity)
        FROM feature_values LIMIT 1`,
    });
    await byDoor("predictions", running);
    await byDoor("feature_values", running);
    assert.equal(await running.count("SELECT count() AS n FROM predictions WHERE id = 'kept'"), 1);
    assert.equal(await running.count("SELECT count() AS n FROM feature_values WHERE entity = 'kept'"), 1);
  });

  await t.test("rows whose record a compacted topic has replaced stay", async () => {
    await settled(running);
    const topic = topicOf.tiles("shop");
    const kept = (): Promise<number> =>
      running.count(`SELECT count() AS n FROM tiles WHERE _topic = '${topic}' AND _offset = ${offset}`);
    // A tombstone has no row: its offset is as one that compaction has left out.
    const [{ offset }] = await running.engines.broker.produce(topic, [{ key: "replaced", value: null, timestamp: 0 }]);
    await trade(running.client, settledEvents, settledEvents + 100);
    await untilTraded(running, settledEvents + 100);
    await eventually("newer tiles", async () => {
      return (await running.count(`SELECT max(_offset) AS n FROM tiles WHERE _topic = '${topic}'`)) > offset;
    });
    await settled(running);
    await running.warehouse.client.command({
      query: `INSERT INTO tiles SELECT * REPLACE ('replaced' AS endpoint, ${offset} AS _offset)
        FROM tiles WHERE _topic = '${topic}' LIMIT 1`,
    });
    assert.equal(await kept(), 1);
    await byDoor("tiles", running);
    assert.equal(await kept(), 1);
  });

  await t.test("online features are written again from the changelog, whatever stood in their place", async () => {
    const { onlineStore } = running.engines;
    const key = featureKey("shop", "shop", 1, "shop 3");
    const before = await settled(running).then(() => onlineStore.get(key));
    assert.ok(before !== null);
    const held = await running.count("SELECT max(_offset) AS n FROM feature_values");
    await onlineStore.setMany([
      { key, value: null },
      { key, value: Buffer.from("damaged"), offset: held + 1_000 },
    ]);
    await byDoor("online-features", running);
    assert.deepEqual(await onlineStore.get(key), before);

    await trade(running.client, settledEvents + 100, settledEvents + 200);
    await untilTraded(running, settledEvents + 200);
    await eventually("a newer state", async () => !(await onlineStore.get(key))?.equals(before));
  });

  await t.test("a rebuild that is stopped changes nothing and leaves nothing behind", async () => {
    const before = await settled(running);
    for (const name of ["predictions", "audit"]) {
      const stop = new AbortController();
      const { engines, warehouse } = running;
      await assert.rejects(
        rebuildProjection(name, {
          engines,
          warehouse,
          hold: async () => stop.abort(),
          signal: stop.signal,
          logger: silent,
          onProgress: () => {},
        }),
        { code: "CLOSED" },
      );
    }
    assert.deepEqual(await contents(running), before);
    assert.deepEqual(await rebuildTables(running), []);
  });

  await t.test(
    "the same projection is not rebuilt twice at once; an unknown one is refused with the names",
    async () => {
      const first = running.platform.rebuild("audit", () => {});
      await assert.rejects(
        running.platform.rebuild("audit", () => {}),
        { code: "ILLEGAL_STATE" },
      );
      assert.ok((await first).records > 0);
      await assert.rejects(byDoor("nonsense", running), { code: "NOT_FOUND", message: /predictions/ });
      const listed = await (await fetch(`${running.platform.url}/projections`)).json();
      assert.deepEqual(listed, { projections: projectionNames });
    },
  );

  await t.test("who asked may leave: the rebuild goes on", async () => {
    const leave = new AbortController();
    const url = `${running.platform.url}/projections/predictions/rebuild`;
    const answer = await fetch(url, { method: "POST", signal: leave.signal });
    assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
    leave.abort();
    await assert.rejects(answer.text(), { name: "AbortError" });
    const busy = await byDoor("predictions", running).catch((error: unknown) => error);
    assert.equal((busy as { code?: string }).code, "ILLEGAL_STATE");
    await eventually("the end of the rebuild", () => byDoor("predictions", running).catch(() => null));
    assert.equal((await fetch(`${running.platform.url}/health/ready`)).status, 200);
  });

  await t.test("while the stream runs, no read meets an empty table, and no row is lost or doubled", async () => {
    const begun = settledEvents + 200;
    const events = 4_000;
    let least = Number.POSITIVE_INFINITY;
    let reading = true;
    const reads = (async () => {
      while (reading) least = Math.min(least, await running.count("SELECT count() AS n FROM predictions"));
    })();
    const produced = (async () => {
      for (let from = begun; from < events; from += 100) await trade(running.client, from, from + 100);
    })();
    const { records } = await byDoor("predictions", running);
    await byDoor("outcomes", running);
    await produced;
    await untilTraded(running, events);
    reading = false;
    await reads;
    assert.ok(least >= begun, `a read found ${least} rows`);
    assert.ok(records >= begun);
    for (const [table, id] of [
      ["predictions", "id"],
      ["outcomes", "prediction_id"],
    ]) {
      const [row] = await running.sql(
        `SELECT count() AS rows, uniqExact(${id}) AS ids FROM ${table} WHERE _topic LIKE 'shop.%'`,
      );
      assert.deepEqual(row, { rows: events, ids: events }, table);
    }
  });
});
