import assert from "node:assert/strict";
import { after, describe, type TestContext, test } from "node:test";
import { SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";
import { confluentSchemaRegistry } from "../../infra/schema-registry/confluent.ts";
import { orderSchema } from "../commands/samples.ts";
import { schemaRegistryContract } from "../contracts/schema-registry.contract.ts";
import { type TestServer, testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const V1 = "application/vnd.schemaregistry.v1+json";

type Answer = { status: number; type: string; body: unknown };

const call = async (
  server: TestServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> => {
  const response = await fetch(`${server.url}/registry${path}`, {
    method,
    headers: { "content-type": V1, ...headers },
    body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
  });
  const type = response.headers.get("content-type") ?? "";
  return { status: response.status, type, body: await response.json() };
};

const record = (name: string, ...fields: unknown[]): string => JSON.stringify({ type: "record", name, fields });
const id = { name: "id", type: "string" };
const count = { name: "count", type: "int" };

const refusalOf = async (answer: Promise<Answer>): Promise<[status: number, code: number]> => {
  const { status, body } = await answer;
  const { error_code, message, ...rest } = body as { error_code: number; message: string };
  assert.equal(typeof message, "string");
  assert.deepEqual(rest, {});
  return [status, error_code];
};

test("kafkajs' registry client registers, encodes and decodes, and is refused what is incompatible", async (t) => {
  const server = await testServer(t);
  const client = new SchemaRegistry({ host: `${server.url}/registry` });
  const schema = record("Reading", id, count);
  const registered = await client.register({ type: SchemaType.AVRO, schema }, { subject: "readings-value" });
  const bytes = await client.encode(registered.id, { id: "a", count: 7 });
  const other = new SchemaRegistry({ host: `${server.url}/registry` });
  assert.deepEqual({ ...(await other.decode(bytes)) }, { id: "a", count: 7 });
  assert.equal(await other.getLatestSchemaId("readings-value"), registered.id);
  assert.equal(await other.getRegistryId("readings-value", 1), registered.id);
  assert.equal(await other.getRegistryIdBySchema("readings-value", { type: SchemaType.AVRO, schema }), registered.id);
  const changed = record("Reading", id, { ...count, type: "string" });
  await assert.rejects(
    other.register({ type: SchemaType.AVRO, schema: changed }, { subject: "readings-value" }),
    /"count" is a int, which cannot be read as string/,
  );
  assert.equal(await server.deps.registry.compatibility("readings-value"), "BACKWARD");
});

test("subjects, versions, schemas and ids answer as Confluent's registry", async (t) => {
  const server = await testServer(t);
  const one = record("A", id);
  const two = record("A", id, { ...count, default: 0 });
  const registered = await call(server, "POST", "/subjects/a-value/versions", { schema: one });
  assert.equal(registered.status, 200);
  assert.ok(registered.type.startsWith(V1));
  assert.deepEqual(registered.body, { id: 1, version: 1, schema: one });
  await call(server, "POST", "/subjects/a-value/versions", { schema: two, schemaType: "AVRO", references: [] });
  await call(server, "POST", "/subjects/b%2Fc/versions", JSON.stringify({ schema: one }), {
    "content-type": "application/json",
  });
  const expected: [path: string, body: unknown][] = [
    ["", {}],
    ["/subjects", ["a-value", "b/c"]],
    ["/subjects?subjectPrefix=b", ["b/c"]],
    ["/subjects/a-value/versions", [1, 2]],
    ["/subjects/b%2Fc/versions/1", { id: 1, subject: "b/c", version: 1, schema: one }],
    ["/subjects/a-value/versions/latest", { id: 2, subject: "a-value", version: 2, schema: two }],
    ["/subjects/a-value/versions/-1", { id: 2, subject: "a-value", version: 2, schema: two }],
    ["/subjects/a-value/versions/2/schema", JSON.parse(two)],
    ["/subjects/a-value/versions/2/referencedby", []],
    ["/schemas/types", ["AVRO"]],
    ["/schemas/ids/2", { schema: two }],
    ["/schemas/ids/2/schema", JSON.parse(two)],
    ["/schemas/ids/1/subjects", ["a-value", "b/c"]],
    [
      "/schemas/ids/1/versions",
      [
        { subject: "a-value", version: 1 },
        { subject: "b/c", version: 1 },
      ],
    ],
    ["/mode", { mode: "READWRITE" }],
    ["/mode/a-value?defaultToGlobal=true", { mode: "READWRITE" }],
  ];
  for (const [path, body] of expected) assert.deepEqual((await call(server, "GET", path)).body, body, path);
  const found = await call(server, "POST", "/subjects/a-value", { schema: JSON.stringify(JSON.parse(one), null, 2) });
  assert.deepEqual(found.body, { id: 1, subject: "a-value", version: 1, schema: one });
});

test("a schema that is no JSON object is given back as JSON", async (t) => {
  const server = await testServer(t);
  await call(server, "POST", "/subjects/keys/versions", { schema: '"string"' });
  assert.equal((await call(server, "GET", "/schemas/ids/1/schema")).body, "string");
});

test("compatibility is asked of one version, of the newest and of what a registration would meet", async (t) => {
  const server = await testServer(t);
  const one = record("A", id, { ...count, default: 0 });
  const two = record("A", id);
  const three = record("A", id, { ...count, type: "string", default: "" });
  for (const schema of [one, two]) await call(server, "POST", "/subjects/a/versions", { schema });
  const ask = async (version: string, schema: string): Promise<unknown> =>
    (await call(server, "POST", `/compatibility/subjects/a/versions${version}`, { schema })).body;
  assert.deepEqual(await ask("/latest", three), { is_compatible: true });
  assert.deepEqual(await ask("/2", three), { is_compatible: true });
  const verbose = (await ask("/1?verbose=true", three)) as { is_compatible: boolean; messages: string[] };
  assert.equal(verbose.is_compatible, false);
  assert.match(verbose.messages.join(), /"count"/);
  assert.deepEqual(await ask("", three), { is_compatible: true });
  await call(server, "PUT", "/config/a", { compatibility: "BACKWARD_TRANSITIVE" });
  assert.deepEqual(await ask("", three), { is_compatible: false });
  const unknown = "/compatibility/subjects/new/versions";
  for (const path of [unknown, `${unknown}/latest`]) {
    assert.deepEqual((await call(server, "POST", path, { schema: one })).body, { is_compatible: true });
  }
});

test("levels are set for all subjects and for one, and taken back", async (t) => {
  const server = await testServer(t);
  const body = async (method: string, path: string, given?: unknown): Promise<unknown> =>
    (await call(server, method, path, given)).body;
  assert.deepEqual(await body("GET", "/config"), { compatibilityLevel: "BACKWARD" });
  assert.deepEqual(await body("PUT", "/config", { compatibility: "full" }), { compatibility: "FULL" });
  assert.deepEqual(await body("GET", "/config"), { compatibilityLevel: "FULL" });
  assert.deepEqual(await body("GET", "/config/a?defaultToGlobal=true"), { compatibilityLevel: "FULL" });
  assert.deepEqual(await refusalOf(call(server, "GET", "/config/a")), [404, 40408]);
  assert.deepEqual(await body("PUT", "/config/a", { compatibility: "NONE" }), { compatibility: "NONE" });
  assert.deepEqual(await body("GET", "/config/a"), { compatibilityLevel: "NONE" });
  assert.deepEqual(await body("DELETE", "/config/a"), { compatibilityLevel: "NONE" });
  assert.deepEqual(await refusalOf(call(server, "DELETE", "/config/a")), [404, 40408]);
  assert.deepEqual(await body("DELETE", "/config"), { compatibilityLevel: "FULL" });
  assert.deepEqual(await body("GET", "/config"), { compatibilityLevel: "BACKWARD" });
});

test("refusals carry Confluent's numbers", async (t) => {
  const server = await testServer(t);
  const schema = record("A", id);
  await call(server, "POST", "/subjects/a/versions", { schema });
  const refusals: [method: string, path: string, body: unknown, status: number, code: number][] = [
    ["GET", "/subjects/none/versions", undefined, 404, 40401],
    ["GET", "/subjects/none/versions/1", undefined, 404, 40401],
    ["GET", "/subjects/none/versions/latest", undefined, 404, 40401],
    ["POST", "/subjects/none", { schema }, 404, 40401],
    ["GET", "/subjects/a/versions/2", undefined, 404, 40402],
    ["POST", "/compatibility/subjects/a/versions/2", { schema }, 404, 40402],
    ["GET", "/schemas/ids/2", undefined, 404, 40403],
    ["GET", "/schemas/ids/x", undefined, 404, 40403],
    ["GET", "/schemas/ids/2/versions", undefined, 404, 40403],
    ["POST", "/subjects/a", { schema: record("B", id) }, 404, 40403],
    ["GET", "/mode/a", undefined, 404, 40409],
    ["GET", "/nothing", undefined, 404, 404],
    ["POST", "/subjects/a/versions", { schema: record("A", id, count) }, 409, 409],
    ["POST", "/subjects/a/versions", { schema: "{}" }, 422, 42201],
    ["POST", "/subjects/a/versions", {}, 422, 42201],
    ["POST", "/subjects/a/versions", undefined, 422, 42201],
    ["POST", "/subjects/a/versions", { schema, schemaType: "PROTOBUF" }, 422, 42201],
    ["POST", "/subjects/a/versions", { schema, references: [{ name: "b" }] }, 422, 42201],
    ["POST", "/subjects/a/versions", { schema, ruleSet: {} }, 422, 42201],
    ["POST", "/compatibility/subjects/new/versions/latest", { schema: "{}" }, 422, 42201],
    ["GET", "/subjects/a/versions/0", undefined, 422, 42202],
    ["GET", "/subjects/a/versions/first", undefined, 422, 42202],
    ["PUT", "/config/a", { compatibility: "SOME" }, 422, 42203],
    ["PUT", "/config", undefined, 422, 42203],
    ["POST", "/subjects/a/versions", "{", 400, 400],
    ["DELETE", "/subjects/a", undefined, 405, 405],
    ["DELETE", "/subjects/a/versions/1", undefined, 405, 405],
  ];
  for (const [method, path, body, ...expected] of refusals) {
    assert.deepEqual(await refusalOf(call(server, method, path, body)), expected, `${method} ${path}`);
  }
});

test("a subject is of the project whose event source has its topic", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const grant =
    'mutation($m: String!, $r: Role!) { grantRole(project: "shop", input: { member: $m, role: $r }) { position } }';
  await server.data(grant, { m: "reader", r: "Regular_User" });
  await server.data(grant, { m: "scientist", r: "Data_Scientist" });
  await server.deps.registry.register("elsewhere.things-value", record("Thing", id));
  const as = (name: string, ...[method, path, body]: [method: string, path: string, body?: unknown]): Promise<Answer> =>
    call(server, method, path, body, { authorization: `Bearer ${name}` });

  for (const name of ["reader", "scientist"]) {
    const subjects = (await as(name, "GET", "/subjects")).body as string[];
    assert.ok(subjects.includes("orders-value"));
    assert.ok(!subjects.includes("elsewhere.things-value"));
    assert.equal((await as(name, "GET", "/subjects/orders-value/versions/1")).status, 200);
    assert.equal((await as(name, "GET", "/config/orders-value?defaultToGlobal=true")).status, 200);
    const { id: thing } = (await server.deps.registry.latest("elsewhere.things-value")) ?? {};
    assert.deepEqual(await refusalOf(as(name, "GET", `/schemas/ids/${thing}`)), [404, 40403]);
    assert.deepEqual(await refusalOf(as(name, "GET", "/subjects/elsewhere.things-value/versions")), [403, 403]);
    assert.deepEqual(await refusalOf(as(name, "PUT", "/config", { compatibility: "NONE" })), [403, 403]);
  }
  const register = { schema: orderSchema };
  assert.deepEqual(await refusalOf(as("reader", "POST", "/subjects/orders-value/versions", register)), [403, 403]);
  assert.deepEqual(await refusalOf(as("reader", "PUT", "/config/orders-value", { compatibility: "NONE" })), [403, 403]);
  assert.equal((await as("scientist", "POST", "/subjects/orders-value/versions", register)).status, 200);
  assert.equal((await as("scientist", "POST", "/subjects/shop.later-value/versions", register)).status, 200);
  assert.deepEqual(await refusalOf(as("scientist", "POST", "/subjects/later-value/versions", register)), [403, 403]);
  const basic = { authorization: `Basic ${Buffer.from("anybody:reader").toString("base64")}` };
  assert.equal((await call(server, "GET", "/subjects/orders-value/versions", undefined, basic)).status, 200);
  const stranger = await call(server, "GET", "/subjects", undefined, { authorization: "Digest reader" });
  assert.equal(stranger.status, 401);
});

describe("the adapter of Confluent's API", () => {
  const closers: (() => Promise<void>)[] = [];
  const context = { after: (close: () => Promise<void>) => closers.push(close) } as unknown as TestContext;
  let server: Promise<TestServer> | undefined;
  after(async () => {
    for (const close of closers) await close();
  });

  schemaRegistryContract("the platform's own face", async () => {
    server ??= testServer(context);
    return confluentSchemaRegistry(`${(await server).url}/registry`);
  });
});
