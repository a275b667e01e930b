import assert from "node:assert/strict";
import { test } from "node:test";
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { avroType, frame } from "../../schemas/codec.ts";
import { topicOf } from "../../schemas/topics.ts";
import { orderSchema } from "../commands/samples.ts";
import { predicting } from "../engines/clients/predicting.ts";
import { type TestServer, testServer } from "../graphql/platform.ts";
import { openShop } from "../graphql/shop.ts";

const V2 = "application/vnd.kafka.v2+json";
const BINARY = "application/vnd.kafka.binary.v2+json";

const order = { customer: "c1", order: "o1", at: 1_700_000_000_000, amount: 2 };

type Refused = { error_code: number; code: string; message: string };

const call = async (server: TestServer, path: string, init: RequestInit = {}) => {
  const response = await fetch(`${server.url}${path}`, init);
  const type = response.headers.get("content-type")?.split(";")[0];
  return { status: response.status, type, body: (await response.json()) as unknown };
};

const produce = (server: TestServer, record: object, type = "application/vnd.kafka.json.v2+json", others = {}) =>
  call(server, "/topics/orders", {
    method: "POST",
    headers: { "content-type": type, ...others },
    body: JSON.stringify({ records: [record] }),
  });

test("refusals have the proxy's numbers and its media type", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const avro = "application/vnd.kafka.avro.v2+json";
  const ann = { authorization: "Bearer ann" };
  const cases: [name: string, answer: ReturnType<typeof call>, status: number, number: number][] = [
    ["no topic", call(server, "/topics/none"), 404, 40401],
    ["no partition", call(server, "/topics/orders/partitions/9/offsets"), 404, 40402],
    ["no schema for values", produce(server, { value: order }, avro), 422, 42202],
    ["another type", produce(server, { value: { ...order, amount: "x" } }), 422, 42203],
    ["a media type of others", produce(server, { value: order }, "application/vnd.kafka.protobuf.v2+json"), 415, 415],
    ["plain text", produce(server, { value: order }, "text/plain"), 415, 415],
    ["nobody", call(server, "/topics/orders", { headers: { authorization: "x" } }), 401, 40101],
    ["a stranger", call(server, "/topics/orders", { headers: ann }), 403, 40301],
    ["an address that is none", call(server, "/topics/orders/%zz"), 400, 400],
  ];
  for (const [name, answer, status, number] of cases) {
    const { type, body, status: told } = await answer;
    assert.deepEqual([told, (body as Refused).error_code, type], [status, number, V2], name);
  }
  const nowhere = await call(server, "/nothing");
  assert.deepEqual([nowhere.status, (nowhere.body as Refused).error_code], [404, 404]);
});

test("headers of a record are refused, not dropped, and an empty list is none", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const refused = await produce(server, { value: order, headers: [{ name: "trace", value: "eA==" }] });
  assert.equal(refused.status, 422);
  assert.match((refused.body as Refused).message, /headers: /);
  assert.equal((await produce(server, { value: order, headers: [] })).status, 200);
});

test("a key beside binary values is base64, and must be the value's own", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const { id } = (await server.deps.registry.latest("orders-value")) ?? { id: 0 };
  const value = frame(id, avroType(orderSchema), order).toString("base64");
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  assert.equal((await produce(server, { key: base64("c1"), value }, BINARY)).status, 200);
  assert.equal((await produce(server, { key: base64("c2"), value }, BINARY)).status, 422);
});

test("who accepts the binary format gets the framed bytes, which any deserializer reads: predictions, too", async (t) => {
  const server = await predicting(t);
  const topic = topicOf.predictions("shop", "payment");
  const accept = `${BINARY}, ${V2};q=0.5`;
  const { type, body } = await call(server, `/topics/${topic}/partitions/0/records?offset=0`, { headers: { accept } });
  assert.equal(type, BINARY);
  const [{ value, ...others }] = body as { value: string }[];
  assert.deepEqual(others, { topic, key: Buffer.from("c1").toString("base64"), partition: 0, offset: 0 });
  assert.equal(Buffer.from(value, "base64")[0], 0);
  const client = new SchemaRegistry({ host: `${server.url}/registry` });
  const read = await client.decode(Buffer.from(value, "base64"));
  assert.deepEqual([read.id, read.output, read.features[1]], ["payment-0-1", 0.25, Number.NaN]);
});
