import assert from "node:assert/strict";
import { test } from "node:test";
import { platformState } from "../../commands/references/platform-state.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import { type FlightEvent, flights, HOUR, history, project, START, spec, view } from "./history.ts";

type History = Awaited<ReturnType<typeof history>>;

const build = async (past: History, changes: Partial<TrainingSpec> = {}) => {
  const plan = planTraining(await platformState(past.eventStore).now(), project, { ...spec, ...changes });
  return buildTrainingSet({ broker: past.broker, registry: past.registry, plan });
};

const departure = (flight: string, at: number, distance = 100): FlightEvent => ({
  topic: "departures",
  flight,
  origin: "SFO",
  destination: "ORD",
  at,
  distance,
});

const arrival = (flight: string, at: number, delay: number): FlightEvent => ({
  topic: "arrivals",
  flight,
  origin: "SFO",
  destination: "ORD",
  at,
  delay,
});

test("a row has the features as of its trigger and the label that came later", async (t) => {
  const past = await history(t);
  await past.take([
    departure("A", START, 10),
    arrival("A", START + HOUR, 30),
    departure("B", START + HOUR, 20),
    arrival("B", START + 2 * HOUR, 0),
    departure("C", START + 2 * HOUR, 30),
    arrival("C", START + 20 * HOUR, 99),
    departure("D", START + 20 * HOUR, 40),
  ]);
  const { matrix, times, positions } = await build(past);
  // C landed beyond the horizon and D has not landed.
  assert.deepEqual([...times], [START, START + HOUR]);
  assert.deepEqual([...matrix.labels], [1, 0]);
  assert.deepEqual(matrix.columns, ["distance", "hour", "mean3h", "count24h"]);
  assert.deepEqual([...matrix.values], [10, 0, Number.NaN, 0, 20, 1, 30, 1]);
  assert.deepEqual(Object.values(positions).sort(), [3, 4]);
});

test("rows are those of the time range, and outcomes after its end still count", async (t) => {
  const past = await history(t);
  await past.take([
    departure("A", START),
    departure("B", START + HOUR),
    departure("C", START + 2 * HOUR),
    arrival("A", START + 3 * HOUR, 0),
    arrival("B", START + 3 * HOUR, 20),
    arrival("C", START + 3 * HOUR, 20),
  ]);
  const { times, matrix } = await build(past, { from: START + HOUR, to: START + 2 * HOUR });
  assert.deepEqual([...times], [START + HOUR]);
  assert.deepEqual([...matrix.labels], [1]);
});

test("the first outcome of a key counts, and only for triggers that were before it in the log", async (t) => {
  const past = await history(t);
  await past.take([
    arrival("A", START, 99),
    departure("A", START + HOUR),
    arrival("A", START + 2 * HOUR, 0),
    arrival("A", START + 3 * HOUR, 99),
    departure("B", START + 3 * HOUR),
    arrival("B", START + 4 * HOUR, 50),
  ]);
  const { matrix } = await build(past);
  assert.deepEqual([...matrix.labels], [0, 1]);
});

test("rows are ordered by event time and key over all partitions, and equal however often they are built", async (t) => {
  const past = await history(t);
  await past.take(flights(200));
  const first = await build(past);
  const second = await build(past);
  assert.equal(first.matrix.rows, 200);
  assert.deepEqual(first.times, first.times.slice().sort());
  assert.deepEqual([...first.matrix.values], [...second.matrix.values]);
  assert.ok(first.matrix.values.buffer instanceof SharedArrayBuffer);
});

test("refused: a view that is looked up, sources that do not lie together, and nothing to learn from", async (t) => {
  const past = await history(t);
  await past.send("CreateFeatureView", {
    id: "destination",
    definition: { ...view, entity: { name: "destination", key: ["destination"] } },
  });
  const failure = (message: RegExp) => ({ code: "TRAINING_FAILED", message });
  await assert.rejects(
    build(past, { columns: [{ name: "x", from: "destination:count24h" }] }),
    failure(/view destination is not local to departures: its entity \(destination\)/),
  );
  await assert.rejects(build(past, { trigger: "landings" }), failure(/source landings does not exist/));
  await assert.rejects(build(past), failure(/streams took no event of departures from 2001-01-01/));
  await past.take([departure("A", START)]);
  await assert.rejects(build(past), failure(/of 1 events of departures .* none met an outcome in arrivals/));
});

test("building ends at once when it is cancelled", async (t) => {
  const past = await history(t);
  await past.take(flights(20));
  const plan = planTraining(await platformState(past.eventStore).now(), project, spec);
  const signal = AbortSignal.abort(new Error("enough"));
  await assert.rejects(buildTrainingSet({ broker: past.broker, registry: past.registry, plan, signal }), /enough/);
});
