import assert from "node:assert/strict";
import { test } from "node:test";
import { partitionOf } from "../../infra/broker/port.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { orderSchema } from "../commands/samples.ts";
import { type TestServer, testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const JSON_V2 = "application/vnd.kafka.json.v2+json";
const AVRO_V2 = "application/vnd.kafka.avro.v2+json";
const BINARY_V2 = "application/vnd.kafka.binary.v2+json";

const order = (i: number, changes: object = {}) => ({
  customer: `c${i % 10}`,
  order: `o${i}`,
  at: 1_700_000_000_000 + i,
  amount: i / 2,
  ...changes,
});

type Produced = {
  offsets: { partition: number; offset: number; error_code: null; error: null }[];
  key_schema_id: null;
  value_schema_id: number | null;
};
type Refused = {
  error_code: number;
  code: string;
  message: string;
  details: { index?: number; field?: string; records?: { index: number; field: string; code: string }[] };
};

const post = async <T>(server: TestServer, topic: string, body: unknown, type = JSON_V2) => {
  const response = await fetch(`${server.url}/topics/${topic}`, {
    method: "POST",
    headers: { "content-type": type },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, type: response.headers.get("content-type"), body: (await response.json()) as T };
};

const get = async (server: TestServer, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(`${server.url}${path}`, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

const written = async (server: TestServer): Promise<number> => {
  const marks = await server.deps.broker.watermarks("orders");
  return marks.reduce((sum, { high }) => sum + high, 0);
};

const shop = async (...[t, options]: Parameters<typeof testServer>): Promise<TestServer> => {
  const server = await testServer(t, options);
  await openShop(server);
  return server;
};

test("records of JSON become framed Avro in the partitions of their keys, in order", async (t) => {
  const server = await shop(t);
  const values = Array.from({ length: 1000 }, (_, i) => order(i));
  const { status, type, body } = await post<Produced>(server, "orders", {
    records: values.map((value) => ({ value })),
  });
  assert.equal(status, 200);
  assert.match(type ?? "", /application\/vnd\.kafka\.v2\+json/);
  assert.equal(body.offsets.length, 1000);
  assert.equal(body.key_schema_id, null);
  assert.equal(typeof body.value_schema_id, "number");
  for (const [i, { partition }] of body.offsets.entries()) {
    assert.equal(partition, partitionOf(Buffer.from(values[i].customer), 2));
  }
  const { partition, offset } = body.offsets[7];
  const peeked = await get(server, `/topics/orders/partitions/${partition}/records?offset=${offset}&count=1`);
  assert.deepEqual(peeked.body, [
    { partition, offset, timestamp: values[7].at, key: "c7", value: values[7], schemaId: body.value_schema_id },
  ]);
});

test("a plain application/json body is taken as JSON records", async (t) => {
  const server = await shop(t);
  assert.equal((await post(server, "orders", { records: [{ value: order(1) }] }, "application/json")).status, 200);
});

test("key, timestamp and partition beside the value must agree with it", async (t) => {
  const server = await shop(t);
  const value = order(3);
  const partition = partitionOf(Buffer.from("c3"), 2);
  const agreeing = { records: [{ value, key: "c3", timestamp: value.at, partition }] };
  assert.equal((await post(server, "orders", agreeing)).status, 200);
  for (const [field, wrong] of Object.entries({ key: "c4", timestamp: 1, partition: 1 - partition })) {
    const { status, body } = await post<Refused>(server, "orders", { records: [{ value, [field]: wrong }] });
    assert.equal(status, 422, field);
    assert.equal(body.code, "INVALID_RECORD");
    assert.equal(body.details.field, field);
  }
  assert.equal(await written(server), 1);
});

const bad: [string, object | null, string, string | undefined][] = [
  ["no value", { value: null }, "INVALID_RECORD", "value"],
  ["not an object", null, "INVALID_RECORD", "records"],
  ["a null key", { value: order(1, { customer: "" }) }, "INVALID_RECORD", "customer"],
  ["a missing key field", { value: { order: "o", at: 1, amount: 1 } }, "INVALID_RECORD", "customer"],
  ["a wrong type", { value: order(1, { amount: "much" }) }, "INVALID_RECORD", "amount"],
  ["a time before 1970", { value: order(1, { at: -1 }) }, "INVALID_RECORD", "at"],
  ["a time far ahead", { value: order(1, { at: Date.now() + 90_000_000 }) }, "INVALID_RECORD", "at"],
  ["an oversized record", { value: order(1, { order: "x".repeat(1_048_576) }) }, "RECORD_TOO_LARGE", "value"],
];

test("a bad record refuses the whole request, naming index and field", async (t) => {
  const server = await shop(t);
  for (const [what, record, code, field] of bad) {
    const { body } = await post<Refused>(server, "orders", { records: [{ value: order(0) }, record] });
    assert.equal(body.code, code, what);
    assert.equal(body.details.index, 1, what);
    assert.equal(body.details.field, field, what);
    assert.match(body.message, /nothing was written: record 1: /, what);
  }
  const all = await post<Refused>(server, "orders", { records: bad.map(([, record]) => record) });
  assert.deepEqual(
    all.body.details.records?.map(({ index }) => index),
    bad.map((_, i) => i),
  );
  assert.equal(await written(server), 0);
});

test("bodies that are no requests are refused", async (t) => {
  const server = await shop(t);
  for (const body of ["{", "[]", "null", '{"records": []}', '{"records": 1}']) {
    const { status, body: refused } = await post<Refused>(server, "orders", body);
    assert.equal(status, 400, body);
    assert.equal(refused.code, "BAD_REQUEST", body);
  }
  const text = await post<Refused>(server, "orders", "hello", "text/plain");
  assert.equal(text.status, 415);
  const large = await post<Refused>(server, "orders", `"${"x".repeat(34_000_000)}"`);
  assert.equal(large.status, 413);
});

test("topics that nobody may write to: unknown, the platform's own, archived", async (t) => {
  const server = await shop(t);
  for (const topic of ["nothing", "shop.payment.predictions"]) {
    const { status, body } = await post<Refused>(server, topic, { records: [{ value: order(1) }] });
    assert.equal(status, 404);
    assert.equal(body.error_code, 40401);
    assert.equal(body.code, "UNKNOWN_TOPIC");
  }
  await server.data('mutation { archiveEventSource(project: "shop", input: { id: "orders" }) { position } }');
  const conflict = async (): Promise<boolean> =>
    (await post<Refused>(server, "orders", { records: [{ value: order(1) }] })).body.code === "ILLEGAL_STATE";
  while (!(await conflict()));
});

test("Avro in its JSON encoding, by schema and by schema id", async (t) => {
  const server = await shop(t);
  const wider = JSON.parse(orderSchema);
  wider.fields.push({ name: "note", type: ["null", "string"], default: null });
  const bySchema = await post<Produced>(
    server,
    "orders",
    { value_schema: JSON.stringify(wider), records: [{ value: order(1, { note: { string: "gift" } }) }] },
    AVRO_V2,
  );
  assert.equal(bySchema.status, 200);
  const id = bySchema.body.value_schema_id;
  const byId = await post<Produced>(
    server,
    "orders",
    { value_schema_id: id, records: [{ value: order(1, { note: null }) }] },
    AVRO_V2,
  );
  assert.equal(byId.body.value_schema_id, id);
  const { partition, offset } = bySchema.body.offsets[0];
  const peeked = await get(server, `/topics/orders/partitions/${partition}/records?offset=${offset}&count=1`);
  assert.equal((peeked.body as unknown as { value: { note: string } }[])[0].value.note, "gift");
  const none = await post<Refused>(server, "orders", { records: [{ value: order(1) }] }, AVRO_V2);
  assert.deepEqual([none.status, none.body.error_code], [422, 42202]);
  const unknown = await post<Refused>(
    server,
    "orders",
    { value_schema_id: 999, records: [{ value: order(1) }] },
    AVRO_V2,
  );
  assert.equal(unknown.body.code, "UNKNOWN_SCHEMA");
});

test("framed bytes in base64", async (t) => {
  const server = await shop(t);
  const schemaId = (await server.deps.registry.latest("orders-value"))?.id ?? 0;
  const bytes = frame(schemaId, avroType(orderSchema), order(5));
  const good = await post<Produced>(server, "orders", { records: [{ value: bytes.toString("base64") }] }, BINARY_V2);
  assert.equal(good.status, 200);
  const refusals: [string, string][] = [
    ["not base64!", "INVALID_RECORD"],
    [bytes.subarray(0, 9).toString("base64"), "UNDECODABLE_RECORD"],
    [frame(999, avroType(orderSchema), order(5)).toString("base64"), "UNKNOWN_SCHEMA"],
    [frame(schemaId, avroType(orderSchema), order(5, { at: -5 })).toString("base64"), "INVALID_RECORD"],
  ];
  for (const [value, code] of refusals) {
    const { body } = await post<Refused>(server, "orders", { records: [{ value }] }, BINARY_V2);
    assert.equal(body.code, code, value);
  }
  assert.equal(await written(server), 1);
});

test("topics are listed and described as Kafka REST Proxy does", async (t) => {
  const server = await shop(t);
  await post(server, "orders", { records: [{ value: order(3) }] });
  assert.deepEqual((await get(server, "/topics")).body, ["orders"]);
  const topic = (await get(server, "/topics/orders")).body as { name: string; partitions: unknown[] };
  assert.equal(topic.name, "orders");
  assert.equal(topic.partitions.length, 2);
  const partition = partitionOf(Buffer.from("c3"), 2);
  assert.deepEqual((await get(server, `/topics/orders/partitions/${partition}/offsets`)).body, {
    beginning_offset: 0,
    end_offset: 1,
  });
  assert.equal((await get(server, "/topics/orders/partitions/9/offsets")).body.error_code, 40402);
  assert.equal((await get(server, "/topics/nothing")).body.error_code, 40401);
  assert.equal((await get(server, "/topics/orders/partitions/0/records?count=all")).status, 400);
});

test("a stranger neither reads nor writes", async (t) => {
  const server = await shop(t);
  const ann = { authorization: "Bearer ann" };
  assert.deepEqual((await get(server, "/topics", ann)).body, []);
  assert.equal((await get(server, "/topics/orders", ann)).body.code, "FORBIDDEN");
  const response = await fetch(`${server.url}/topics/orders`, {
    method: "POST",
    headers: { ...ann, "content-type": JSON_V2 },
    body: JSON.stringify({ records: [{ value: order(1) }] }),
  });
  assert.equal(response.status, 403);
});
