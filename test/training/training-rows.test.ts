import assert from "node:assert/strict";
import { test } from "node:test";
import { platformState } from "../../commands/references/platform-state.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import { type TrainedVersion, trainingRows } from "../../training/training-rows.ts";
import { flights, HOUR, history, project, START, spec, view } from "./history.ts";

const now = Date.UTC(2100, 0, 1);

type History = Awaited<ReturnType<typeof history>>;

const trained = async (past: History): Promise<{ version: TrainedVersion; labels: number[]; times: number[] }> => {
  const plan = planTraining(await platformState(past.eventStore).now(), project, spec);
  const set = await buildTrainingSet({ broker: past.broker, registry: past.registry, plan });
  const views = plan.columns.views.map(({ view: name, version }) => ({ view: name, version }));
  const lineage = { positions: set.positions, views };
  return {
    version: { project, spec, lineage, plannedAt: [now] },
    labels: [...set.matrix.labels],
    times: [...set.times],
  };
};

test("the rows of a version are those that it was trained on, whatever came since; pages hold each once", async (t) => {
  const past = await history(t);
  const events = flights(120);
  await past.take(events.slice(0, 150));
  const { version, labels, times } = await trained(past);
  await past.take(events.slice(150));
  const reader = trainingRows(past);
  const found = [];
  let after: { partition: number; offset: number } | undefined;
  for (;;) {
    const page = await reader.page(version, { first: 7, after });
    found.push(...page.rows);
    after = page.rows.at(-1);
    if (!page.hasNext) break;
  }
  assert.ok(found.length > 20);
  assert.deepEqual(
    found.map(({ time, label }) => [time, label]).sort(([a], [b]) => a - b),
    times.map((time, i) => [time, labels[i]]),
  );
  assert.equal(new Set(found.map(({ partition, offset }) => `${partition}/${offset}`)).size, found.length);
  for (const { key, topic, partition, offset } of [found[0], found[found.length - 1]]) {
    const reading = past.broker.reader({
      partitions: [{ topic, partition }],
      from: new Map([[`${topic}/${partition}`, offset]]),
    });
    const batch = await reading.poll(topic, partition);
    await reading.close();
    const at = [...(batch?.offsets ?? [])].indexOf(offset);
    assert.ok(batch !== null && at >= 0);
    assert.ok(batch.bytes.subarray(batch.valueStart[at], batch.valueEnd[at]).includes(Buffer.from(key)), key);
  }
});

test("that the views changed while a version was trained is said", async (t) => {
  const past = await history(t);
  await past.take(flights(40));
  const { version } = await trained(past);
  const [feature] = view.features;
  const definition = { ...view, features: [...view.features, { ...feature, name: "another", windowMs: 2 * HOUR }] };
  await past.send("ChangeFeatureView", { id: "airport", definition });
  // The clock of this history stands still: the change has the time of all that was before it.
  await assert.rejects(trainingRows(past).page({ ...version, plannedAt: [START] }, { first: 1 }), {
    code: "ILLEGAL_STATE",
  });
});
