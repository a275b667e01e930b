import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { predictionLog } from "../../projections/prediction-log.ts";
import { topicOf } from "../../schemas/topics.ts";
import { encodePrediction, predictionAt } from "./clickhouse-fixture.ts";
import { storesOf } from "./stores.ts";

const project = "shop";
const partition = 1;

/** A trigger's prediction and those of its shadows, as a task emits them. */
const idsOf = (endpoint: string, trigger: number, shadows: number): string[] => [
  `${endpoint}-${partition}-${trigger}`,
  ...Array.from({ length: shadows }, (_, i) => `${endpoint}-${partition}-${trigger}-late.${i + 1}`),
];

const write = async (broker: Broker, endpoint: string, commits: readonly (readonly string[])[]): Promise<void> => {
  const topic = topicOf.predictions(project, endpoint);
  await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
  for (const ids of commits) {
    const transaction = broker.transaction();
    for (const id of ids) {
      const record = { ...predictionAt(partition, 7, endpoint), id };
      transaction.add(topic, partition, "key", encodePrediction(record), record.eventTime);
    }
    await transaction.commit();
  }
};

test("every prediction is found by its id, wherever its batch lies, and none that is not there", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path);
  release(() => broker.close());
  const log = predictionLog(broker);
  let endpoints = 0;
  const trigger = fc.record({ gap: fc.nat({ max: 3 }), shadows: fc.nat({ max: 2 }), cut: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.nat(1000), fc.array(trigger, { minLength: 1, maxLength: 60 }), async (first, triggers) => {
      const endpoint = `delay-${endpoints++}`;
      const commits: string[][] = [[]];
      const gone: string[] = [];
      let offset = first;
      for (const { gap, shadows, cut } of triggers) {
        for (let i = 0; i < gap; i++) gone.push(`${endpoint}-${partition}-${offset + i}`);
        offset += gap;
        if (cut && commits[commits.length - 1].length > 0) commits.push([]);
        commits[commits.length - 1].push(...idsOf(endpoint, offset, shadows));
        gone.push(`${endpoint}-${partition}-${offset}-late.9`);
        offset += 1;
      }
      await write(broker, endpoint, commits);
      const ids = commits.flat();
      for (const [at, id] of ids.entries()) {
        const found = await log.find(project, id);
        assert.deepEqual([found?.id, found?.place.predictionOffset], [id, at]);
      }
      for (const id of [...gone, `${endpoint}-${partition}-${offset}`, `${endpoint}-0-0`, `${endpoint}-2-0`]) {
        assert.equal(await log.find(project, id), null, id);
      }
    }),
    { numRuns: 30 },
  );
});

test("a prediction out of the log is the one that was made", async (t) => {
  const { path, release } = storesOf(t);
  const broker = sqliteBroker(path);
  release(() => broker.close());
  await write(broker, "delay", [[`delay-${partition}-7`]]);
  const { lookups, ...made } = predictionAt(partition, 7);
  const found = await predictionLog(broker).find(project, `delay-${partition}-7`);
  const { lookups: foundLookups, ...rest } = found as NonNullable<typeof found>;
  const place = { endpoint: "delay", partition, predictionOffset: 0 };
  assert.deepEqual({ ...rest }, { ...made, project, place });
  assert.deepEqual(Array.from(foundLookups), lookups);
  assert.equal(await predictionLog(broker).find(project, "nonsense"), null);
  assert.equal(await predictionLog(broker).find("another", `delay-${partition}-7`), null);
});
