import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSameTime, checkSourceSchema } from "../../commands/event-source/source-schema.ts";
import { platformState } from "../../commands/references/platform-state.ts";
import { jsonValue, toRecords } from "../../graphql/http/records.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { eventTimeOf } from "../../schemas/event-time.ts";
import { outcomeSchema, topicOf } from "../../schemas/topics.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import { eventually, openWorld, project, stump } from "../streams/world.ts";
import { spec } from "../training/history.ts";

const minute = 60_000;
const start = Date.UTC(2026, 0, 5, 12);

const schemaOf = (timeType: unknown): string =>
  JSON.stringify({
    type: "record",
    name: "E",
    fields: [
      { name: "id", type: "string" },
      { name: "shop", type: "string" },
      { name: "at", type: timeType },
    ],
  });
const micros = { type: "long", logicalType: "timestamp-micros" };
const schema = schemaOf(micros);

test("event times in microseconds are moments of features, predictions, outcomes and training sets", async (t) => {
  const world = await openWorld();
  t.after(() => world.close());
  const ids = new Map<string, number>();
  for (const topic of ["ev", "out"]) {
    const { id: schemaId } = await world.registry.register(`${topic}-value`, schema);
    ids.set(topic, schemaId);
    await world.broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
    const definition = { topic, schema, schemaId, key: "shop", timestamp: "at", partitions: 1 };
    const data = { ...definition, maxRecordBytes: 1_000_000, retentionMs: null };
    await world.append("event-source", topic, { type: "EventSourceCreated", data });
  }
  const columns = [{ name: "seen", from: "v:seen" }];
  await world.view("v", {
    entity: { name: "shop", key: ["shop"] },
    allowedLatenessMs: 0,
    ttlMs: null,
    features: [{ name: "seen", source: "ev", function: "count", windowMs: 60 * minute }],
  });
  await world.version(1, stump(0, 1, -1, 1), null, ["seen"]);
  const outcome = { source: "out", key: ["id"], value: "1.0", horizonMs: 60 * minute };
  await world.deploy({ trigger: "ev", columns, outcome });
  const write = (topic: string, id: string, ms: number) => {
    const value = frame(ids.get(topic) as number, avroType(schema), { id, shop: "north", at: ms * 1000 + 7 });
    return world.broker.produce(topic, [{ key: "north", value, timestamp: ms }]);
  };
  await world.start();
  // The third is two hours later: the window of an hour has forgotten the others.
  for (const [i, at] of [0, 10, 130].entries()) await write("ev", `e${i}`, start + at * minute);
  const made = await eventually("predictions", async () => {
    const found = await world.predictions();
    return found.length === 3 && found;
  });
  assert.deepEqual(
    made.map(({ eventTime, features }) => [(eventTime - start) / minute, features[0]]),
    [
      [0, 1],
      [10, 2],
      [130, 1],
    ],
  );
  await write("out", "e2", start + 140 * minute);
  await eventually("the outcome", async () => {
    const met = await world.read<{ outcomeAt: number }>(topicOf.outcomes(project, "buy"), outcomeSchema);
    return met.length === 1 && met[0].outcomeAt === start + 140 * minute;
  });
  const label = { ...outcome, value: "1.0" };
  const range = { from: start, to: start + 1440 * minute };
  const asked = { ...spec, ...range, task: "regression" as const, trigger: "ev", columns, label };
  const plan = planTraining(await platformState(world.eventStore).now(), project, asked);
  const set = await buildTrainingSet({ broker: world.broker, registry: world.registry, plan });
  assert.deepEqual([...set.times], [start + 130 * minute]);
  assert.deepEqual([...set.matrix.values], [1]);
});

test("the door of topics takes microseconds where the schema says so, and keeps milliseconds as the record's time", () => {
  const definition = { schema, schemaId: 1, topic: "ev", key: "shop", timestamp: "at", partitions: 1 };
  const produce = (at: number) =>
    toRecords(
      [{ value: { id: "a", shop: "north", at }, timestamp: start }],
      jsonValue(1, avroType(schema), 1),
      { ...definition, maxRecordBytes: 1000, retentionMs: null },
      { clock: () => start, isBinary: false },
    );
  assert.deepEqual(
    produce(start * 1000 + 999).map(({ timestamp }) => timestamp),
    [start],
  );
  assert.throws(() => produce((start + 25 * 60 * minute) * 1000), {
    code: "INVALID_RECORD",
    message: /24 hours ahead/,
  });
});

test("every logical type of a moment is read in its unit; others are refused when declared", () => {
  const units: [unknown, number][] = [
    ["long", 5_000_000],
    [{ type: "long", logicalType: "timestamp-millis" }, 5_000_000],
    [{ type: "long", logicalType: "local-timestamp-millis" }, 5_000_000],
    [{ type: "long", logicalType: "unknown-to-all" }, 5_000_000],
    [micros, 5_000],
    [{ type: micros }, 5_000],
    [{ type: "long", logicalType: "local-timestamp-micros" }, 5_000],
  ];
  for (const [type, ms] of units) {
    checkSourceSchema(schemaOf(type), "shop", "at");
    assert.equal(eventTimeOf(schemaOf(type), "at")({ at: 5_000_000 }), ms, JSON.stringify(type));
  }
  for (const logicalType of ["timestamp-nanos", "local-timestamp-nanos", "time-micros"]) {
    assert.throws(() => checkSourceSchema(schemaOf({ type: "long", logicalType }), "shop", "at"), {
      code: "INVALID_SCHEMA",
      message: /timestamp field "at".*expected a moment/,
    });
  }
});

test("the unit of a source's event time is for ever", () => {
  checkSameTime(schemaOf("long"), schemaOf({ type: "long", logicalType: "timestamp-millis" }), "at");
  assert.throws(() => checkSameTime(schemaOf("long"), schema, "at"), {
    code: "INVALID_SCHEMA",
    message: /is in milliseconds and cannot become microseconds/,
  });
});
