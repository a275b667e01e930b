import type { TestContext } from "node:test";
import { avroType, frame } from "../../../schemas/codec.ts";
import { predictionSchema, topicOf } from "../../../schemas/topics.ts";
import { type TestServer, testServer } from "../../graphql/platform.ts";
import { deployPayment, openShop } from "../../graphql/shop.ts";

/** A server with one prediction in its topic. */
export const predicting = async (t: TestContext): Promise<TestServer> => {
  const server = await testServer(t);
  await openShop(server);
  await deployPayment(server);
  const topic = topicOf.predictions("shop", "payment");
  const { id } = await server.deps.registry.register(`${topic}-value`, JSON.stringify(predictionSchema));
  const prediction = {
    ...{ id: "payment-0-1", endpoint: "payment", revision: 0, model: "payer", version: 1, variant: "champion" },
    ...{ share: 1, entity: "c1", key: "o1", eventTime: 1, topic: "orders", partition: 0, offset: 1, positions: [2] },
    ...{ lookups: [], features: [1, Number.NaN], output: 0.25, servedAt: 5, latencyMs: 1, runtime: "test" },
  };
  const value = frame(id, avroType(predictionSchema), prediction);
  await server.deps.broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
  await server.deps.broker.produce(topic, [{ key: "c1", value, timestamp: 1, partition: 0 }]);
  return server;
};
