import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { platformState } from "../../commands/references/platform-state.ts";
import { checkOutcomeKey, type NamedSource } from "../../commands/references/sources.ts";
import { jsonToAvro } from "../../schemas/avro-json.ts";
import { businessKey } from "../../schemas/business-key.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import { outcomeSchema, topicOf } from "../../schemas/topics.ts";
import { buildTrainingSet } from "../../training/dataset.ts";
import { planTraining } from "../../training/plan.ts";
import { eventually, openWorld, project, stump, type World } from "../streams/world.ts";
import { spec } from "../training/history.ts";

const start = Date.UTC(2026, 0, 5, 12);

const recordOf = (type: unknown, more: object[] = []): string =>
  JSON.stringify({ type: "record", name: "E", fields: [{ name: "id", type }, ...more] });

const sourceSchema = (idType: unknown): string =>
  recordOf(idType, [
    { name: "shop", type: "string" },
    { name: "at", type: "long" },
    { name: "value", type: "double" },
  ]);

/** A trigger `ev` and outcomes `out` whose ids are of these types, with a deployment that joins them by id. */
const joined = async (t: TestContext, triggerType: unknown, outcomeType = triggerType) => {
  const world = await openWorld();
  t.after(() => world.close());
  const writers = new Map<string, (id: unknown, at: number, value: number) => Promise<unknown>>();
  for (const [topic, type] of [
    ["ev", triggerType],
    ["out", outcomeType],
  ] as const) {
    const schema = sourceSchema(type);
    const { id: schemaId } = await world.registry.register(`${topic}-value`, schema);
    await world.broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
    const definition = { topic, schema, schemaId, key: "shop", timestamp: "at", partitions: 1 };
    await world.append("event-source", topic, {
      type: "EventSourceCreated",
      data: { ...definition, maxRecordBytes: 1_000_000, retentionMs: null },
    });
    const avro = avroType(schema);
    writers.set(topic, (id, at, value) => {
      const event = jsonToAvro(avro, { id, shop: "north", at, value });
      return world.broker.produce(topic, [{ key: "north", value: frame(schemaId, avro, event), timestamp: at }]);
    });
  }
  const columns = [{ name: "value", from: "event.value" }];
  await world.version(1, stump(0, 1, -1, 1), null, ["value"]);
  await world.deploy({
    trigger: "ev",
    columns,
    outcome: { source: "out", key: ["id"], value: "event.value", horizonMs: 86_400_000 },
  });
  return { world, writeTrigger: writers.get("ev"), writeOutcome: writers.get("out"), columns };
};

/** Indexes of the triggers that the outcomes met on the stream (restarted between both), and in a training set. */
const labelled = async (t: TestContext, types: unknown[], triggers: unknown[], outcomes: unknown[]) => {
  const { world, writeTrigger, writeOutcome, columns } = await joined(t, types[0], types[1] ?? types[0]);
  assert.ok(writeTrigger !== undefined && writeOutcome !== undefined);
  await world.start();
  for (const [i, id] of triggers.entries()) await writeTrigger(id, start + i, i);
  await eventually("the predictions", async () => (await world.predictions()).length === triggers.length);
  // What waits is read back from the topics.
  await world.stop();
  await world.start();
  for (const [i, id] of outcomes.entries()) await writeOutcome(id, start + 1000 + i, 1);
  await writeTrigger(triggers[0], start + 2000, 99);
  await eventually("all to be taken", async () => (await world.predictions()).length === triggers.length + 1);
  type Outcome = { predictedAt: number };
  const met = await world.read<Outcome>(topicOf.outcomes(project, "buy"), outcomeSchema);
  const live = met.map(({ predictedAt }) => predictedAt - start).sort((a, b) => a - b);
  assert.deepEqual(live, await trained(world, columns), "labels of training are those of the stream");
  return live;
};

const trained = async (world: World, columns: TrainingSpec["columns"]): Promise<number[]> => {
  const label = { source: "out", key: ["id"], value: "event.value", horizonMs: 86_400_000 };
  const asked: TrainingSpec = {
    ...spec,
    trigger: "ev",
    columns,
    label,
    from: start,
    to: start + 1500,
    task: "regression",
  };
  const plan = planTraining(await platformState(world.eventStore).now(), project, asked);
  try {
    const { matrix } = await buildTrainingSet({ broker: world.broker, registry: world.registry, plan });
    return [...matrix.values];
  } catch (error) {
    assert.match((error as Error).message, /none met an outcome/);
    return [];
  }
};

test("ids in a union of numbers are told apart, whichever branch they are in", async (t) => {
  assert.deepEqual(await labelled(t, [["null", "int", "long"]], [1, { long: 2 }, 3], [{ int: 2 }]), [1]);
  assert.deepEqual(await labelled(t, [["null", "double", "long"]], [1.5, 2.5], [2.5]), [1]);
});

test("ids that are records or bytes are told apart", async (t) => {
  const record = { type: "record", name: "R", fields: [{ name: "q", type: "int" }] };
  assert.deepEqual(await labelled(t, [record], [{ q: 1 }, { q: 2 }], [{ q: 2 }]), [1]);
  const fixed = { type: "fixed", name: "F", size: 2 };
  assert.deepEqual(await labelled(t, [fixed], ["\u00ff\u0001", "\u00fe\u0001"], ["\u00fe\u0001"]), [1]);
});

test("null is no key: it meets neither null, nor the text null, nor the empty text", async (t) => {
  assert.deepEqual(await labelled(t, [["null", "string"]], [null, "null", "", null], [null]), []);
  assert.deepEqual(await labelled(t, [["null", "string"]], [null, "null", ""], ["", "null"]), [1, 2]);
});

test("a number is not the text that looks like it where both may stand", async (t) => {
  const mixed = ["null", "string", "long"];
  assert.deepEqual(await labelled(t, [mixed], ["2", 2, "two", '"2"'], [2]), [1]);
  assert.deepEqual(await labelled(t, [mixed, "string"], ["2", 2], ["2"]), [0]);
});

const keyOf = (fields: string[], schema: string, value: object): string | null =>
  businessKey(fields, schema, schema).ofTrigger(jsonToAvro(avroType(schema), value) as Record<string, unknown>);

test("keys of one kind keep the text that earlier releases wrote", () => {
  const kinds: [unknown, unknown][] = [
    ["string", "flight-7"],
    ["long", 42],
    ["int", -1],
    ["double", 1.5],
    ["boolean", true],
    [["null", "string"], "a"],
    [["null", "long"], 7],
    [{ type: "enum", name: "C", symbols: ["RED"] }, "RED"],
    ["bytes", "abc"],
  ];
  for (const [type, id] of kinds) assert.equal(keyOf(["id"], recordOf(type), { id }), String(id));
  const two = recordOf("string", [{ name: "n", type: "long" }]);
  assert.equal(keyOf(["id", "n"], two, { id: "a", n: 1 }), "a\u001f1");
});

test("keys of several fields are equal only where each field is", () => {
  const two = recordOf("string", [{ name: "other", type: ["null", "string"] }]);
  const keys = [
    { id: "a\u001fb", other: "c" },
    { id: "a", other: "b\u001fc" },
    { id: "", other: "c" },
    { id: '""', other: "c" },
  ].map((value) => keyOf(["id", "other"], two, value));
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keyOf(["id", "other"], two, { id: "a", other: null }), null);
});

test("not a number is no key, within a record neither; the order of a record's fields is none of its value", () => {
  const fields = [
    { name: "x", type: "double" },
    { name: "y", type: ["null", "string"] },
  ];
  const nested = (ordered: object[]): string => recordOf({ type: "record", name: "R", fields: ordered });
  const one = businessKey(["id"], nested(fields), nested([...fields].reverse()));
  assert.equal(one.ofTrigger({ id: { x: 1, y: "a" } }), one.ofOutcome({ id: { y: "a", x: 1 } }));
  assert.equal(one.ofTrigger({ id: { x: Number.NaN, y: "a" } }), null);
  assert.equal(one.ofTrigger({ id: { x: 1, y: null } }), null);
  assert.equal(businessKey(["id"], recordOf("double"), recordOf("double")).ofTrigger({ id: Number.NaN }), null);
});

test("what cannot be a key is refused when it is declared", () => {
  const source = (type: unknown): NamedSource => ({
    name: "ev",
    topic: "ev",
    schema: sourceSchema(type),
    schemaId: 1,
    key: "shop",
    timestamp: "at",
    partitions: 1,
    maxRecordBytes: 1000,
    retentionMs: null,
  });
  const check = (trigger: unknown, outcome: unknown): void =>
    checkOutcomeKey(
      { source: "out", key: ["id"], value: "event.value", horizonMs: 1 },
      source(trigger),
      source(outcome),
    );
  const list = { type: "array", items: "string" };
  const inRecord = { type: "record", name: "R", fields: [{ name: "list", type: { type: "map", values: "int" } }] };
  const recursive = { type: "record", name: "L", fields: [{ name: "next", type: ["null", "L"] }] };
  for (const type of [list, inRecord, recursive, "null", ["null", list]]) {
    assert.throws(() => check("string", type), {
      code: "INVALID_SCHEMA",
      message: /outcome\.key: in event source "ev" "id"/,
    });
    assert.throws(() => check(type, "string"), { code: "INVALID_SCHEMA" });
  }
  check(["null", "string", "long"], { type: "record", name: "R", fields: [{ name: "q", type: "int" }] });
});
