import assert from "node:assert/strict";
import { test } from "node:test";
import { topicOf } from "../../schemas/topics.ts";
import { encodePrediction, predictionAt } from "../projections/clickhouse-fixture.ts";
import { testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const outcomeAt = Date.UTC(2026, 10, 20);

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";
  test(`${mode}: a prediction is read from the log, its outcome from the warehouse where it is asked for`, async (t) => {
    const asked: unknown[] = [];
    const warehouse = {
      predictionById: async () => null,
      outcomeOf: async (_project: string, place: { predictionOffset: number }) => {
        asked.push(place);
        return place.predictionOffset === 3 ? { outcome: 1, outcomeAt } : null;
      },
    };
    const server = await testServer(t, { jit, deps: { warehouse: warehouse as never } });
    await openShop(server);
    const { broker } = server.deps;
    const topic = topicOf.predictions("shop", "delay");
    await broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
    const made = Array.from({ length: 5 }, (_, i) => predictionAt(0, i));
    await broker.produce(
      topic,
      made.map((one) => ({ key: one.entity, value: encodePrediction(one), timestamp: one.eventTime, partition: 0 })),
    );
    const read = (id: string, fields: string): Promise<unknown> =>
      server
        .data<{ prediction: unknown }>(`{ prediction(project: "shop", id: "${id}") { ${fields} } }`)
        .then(({ prediction }) => prediction);

    const { id, model, variant, features, output, servedAt } = made[3];
    assert.deepEqual(await read("delay-0-3", "id model variant features output servedAt"), {
      ...{ id, model, variant, features, output },
      servedAt: new Date(servedAt).toISOString(),
    });
    assert.deepEqual(asked, [], "nobody asked for an outcome");
    const met = { outcome: 1, outcomeAt: new Date(outcomeAt).toISOString() };
    assert.deepEqual(await read("delay-0-3", "outcome outcomeAt"), met);
    assert.deepEqual(asked, [{ endpoint: "delay", partition: 0, predictionOffset: 3 }], "one question for both fields");
    assert.deepEqual(await read("delay-0-4", "outcome outcomeAt"), { outcome: null, outcomeAt: null });
    assert.equal(await read("delay-0-5", "id"), null);
  });
}
