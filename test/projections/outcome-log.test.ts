import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { outcomeLog } from "../../projections/outcome-log.ts";
import type { LoggedPrediction } from "../../projections/prediction-log.ts";
import { topicOf } from "../../schemas/topics.ts";
import { encodeOutcome, outcomeAt, predictionAt } from "./clickhouse-fixture.ts";
import { storesOf } from "./stores.ts";

const project = "shop";
const partition = 1;

type Met = { prediction: number; event: number; source?: string };

/** The prediction of a trigger when its task had come to that event of the other input. */
const logged = (endpoint: string, trigger: number, event: number): LoggedPrediction => ({
  ...predictionAt(partition, trigger, endpoint),
  positions: [event, trigger + 1],
  project,
  place: { endpoint, partition, predictionOffset: trigger },
});

const write = async (broker: Broker, endpoint: string, commits: readonly (readonly Met[])[], retentionMs?: number) => {
  const topic = topicOf.outcomes(project, endpoint);
  await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete", retentionMs });
  for (const commit of commits) {
    const transaction = broker.transaction();
    for (const { prediction, event, source = "arrivals" } of commit) {
      const id = `${endpoint}-${partition}-${prediction}`;
      const record = { ...outcomeAt(partition, prediction, event), predictionId: id, topic: source, offset: event };
      transaction.add(topic, partition, "key", encodeOutcome({ ...record, endpoint }), event);
    }
    await transaction.commit();
  }
};

test("every outcome is found behind where its prediction was made, and none that has not come", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path);
  release(() => broker.close());
  const log = outcomeLog(broker);
  let endpoints = 0;
  const event = fc.record({
    gap: fc.nat({ max: 40 }),
    /** Events between the prediction and its outcome. */
    waits: fc.nat({ max: 300 }),
    cut: fc.integer({ min: 0, max: 9 }),
    met: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(5000), fc.array(event, { minLength: 700, maxLength: 1200 }), async (first, events) => {
      const endpoint = `delay-${endpoints++}`;
      const commits: Met[][] = [[]];
      const asked: { prediction: LoggedPrediction; outcome: number | null }[] = [];
      let at = first;
      events.forEach(({ gap, waits, cut, met }, trigger) => {
        at += 1 + gap;
        if (trigger % 8 === 0)
          asked.push({ prediction: logged(endpoint, trigger, Math.max(0, at - waits)), outcome: met ? at : null });
        if (cut === 0 && commits[commits.length - 1].length > 0) commits.push([]);
        if (met) commits[commits.length - 1].push({ prediction: trigger, event: at });
      });
      await write(broker, endpoint, commits);
      for (const { prediction, outcome } of asked) {
        const { outcomeAt: time } = outcomeAt(partition, prediction.offset, 0);
        const expected = outcome === null ? "none" : { outcome, outcomeAt: time };
        assert.deepEqual(await log.find(project, prediction), expected);
      }
    }),
    { numRuns: 12 },
  );
});

test("an outcome may come from the trigger's own topic", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path);
  release(() => broker.close());
  await write(broker, "own", [[{ prediction: 3, event: 9, source: "departures" }]]);
  const prediction = { ...logged("own", 3, 0), positions: [4] };
  assert.deepEqual(await outcomeLog(broker).find(project, prediction), {
    outcome: 9,
    outcomeAt: outcomeAt(partition, 3, 9).outcomeAt,
  });
});

test("the log does not know what lies before that which retention has left", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path, { cleanDelayMs: 0 });
  release(() => broker.close());
  const commits = Array.from({ length: 5 }, (_, i) => [{ prediction: i, event: i * 100_000 }]);
  await write(broker, "old", commits, 150_000);
  const low = async (): Promise<number> => (await broker.watermarks(topicOf.outcomes(project, "old")))[partition].low;
  while ((await low()) === 0) await new Promise(setImmediate);
  assert.equal(await outcomeLog(broker).find(project, logged("old", 9, 0)), "unknown");
  const found = await outcomeLog(broker).find(project, logged("old", 4, 400_000));
  assert.equal(found === "none" || found === "unknown" ? found : found.outcome, 400_000);
});

test("the log says that it does not know: no topic, no position, or too far", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path);
  release(() => broker.close());
  const log = outcomeLog(broker);
  assert.equal(await log.find(project, logged("nothing", 1, 1)), "unknown");
  await write(broker, "short", [[{ prediction: 5, event: 50 }]]);
  assert.equal(await log.find(project, { ...logged("short", 5, 1), positions: [6] }), "unknown");
  const many = Array.from({ length: 33_000 }, (_, i) => ({ prediction: i, event: i }));
  await write(broker, "far", [many, [{ prediction: 40_000, event: 40_000 }]]);
  assert.equal(await log.find(project, logged("far", 40_000, 0)), "unknown");
  assert.deepEqual(await log.find(project, logged("far", 40_000, 39_000)), {
    outcome: 40_000,
    outcomeAt: outcomeAt(partition, 40_000, 0).outcomeAt,
  });
});
