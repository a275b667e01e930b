import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalSchema } from "../../infra/schema-registry/canonical.ts";
import { type TestServer, testServer } from "../graphql/platform.ts";

type Schema = Record<string, unknown>;

const call = async (server: TestServer, path: string, body?: unknown) => {
  const response = await fetch(`${server.url}/registry${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

const order = (item: Schema, others: Schema = {}): Schema => ({
  type: "record",
  name: "Order",
  namespace: "shop",
  fields: [
    { name: "first", type: item },
    { name: "more", type: { type: "array", items: "Item" } },
    { name: "key", type: ["null", "Item"], default: null },
  ],
  ...others,
});
const item: Schema = { type: "record", name: "Item", fields: [{ name: "id", type: "string" }] };

/** One schema as different libraries write it. */
const same: [name: string, schema: Schema][] = [
  ["a namespace on a nested type, as Apache.Avro writes it", order({ ...item, namespace: "shop" })],
  ["a name in full", order({ ...item, name: "shop.Item" })],
  ["both", order({ ...item, name: "shop.Item", namespace: "elsewhere" })],
  ["the namespace in the outer name", order(item, { name: "shop.Order", namespace: undefined })],
  ["types in objects", order({ ...item, fields: [{ type: { type: "string" }, name: "id" }] })],
  ["references in full", JSON.parse(JSON.stringify(order(item)).replaceAll('"Item"}', '"shop.Item"}'))],
];

const other: [name: string, schema: Schema][] = [
  ["another namespace of a nested type", JSON.parse(JSON.stringify(order({ ...item, namespace: "" })))],
  ["documentation of the type", order(item, { doc: "what was bought" })],
  ["documentation of a field", order({ ...item, fields: [{ name: "id", type: "string", doc: "of the shelf" }] })],
  ["an alias", order({ ...item, aliases: ["Thing"] })],
  ["a logical type", order({ ...item, fields: [{ name: "id", type: { type: "string", logicalType: "uuid" } }] })],
];

test("a schema that is written in another way is the version that is there; one that says something else is another", async (t) => {
  const server = await testServer(t);
  const register = async (schema: Schema, query = ""): Promise<unknown> => {
    const { body } = await call(server, `/subjects/a-value/versions${query}`, { schema: JSON.stringify(schema) });
    return body.version ?? body;
  };
  assert.equal(await register(order(item)), 1);
  for (const [name, schema] of same) {
    for (const query of ["", "?normalize=true"]) assert.equal(await register(schema, query), 1, name);
    const found = await call(server, "/subjects/a-value", { schema: JSON.stringify(schema) });
    assert.equal(found.body.version, 1, name);
  }
  for (const [i, [name, schema]] of other.slice(1).entries()) assert.equal(await register(schema), i + 2, name);
  assert.notEqual(canonicalSchema(JSON.stringify(other[0][1])), canonicalSchema(JSON.stringify(order(item))));
});

test("what a default or an attribute holds is data, and no type of it is given a name in full", () => {
  const withDefault = (value: unknown): string =>
    canonicalSchema(
      JSON.stringify({ ...item, namespace: "n", fields: [{ name: "x", type: "string", default: value }] }),
    );
  assert.match(withDefault("Item"), /"default":"Item"/);
  const attribute = { type: "record", name: "A", namespace: "n", fields: [], owner: { type: "Item", name: "b" } };
  assert.match(canonicalSchema(JSON.stringify(attribute)), /"owner":\{"type":"Item","name":"b"\}/);
  const kinds = { type: "map", values: { type: "array", items: { type: "fixed", name: "F", size: 2 } } };
  assert.equal(
    canonicalSchema(JSON.stringify(kinds)),
    '{"type":"map","values":{"items":{"name":"F","size":2,"type":"fixed"},"type":"array"}}',
  );
});

test("what the registry does not keep is refused, and null is nothing", async (t) => {
  const server = await testServer(t);
  const schema = JSON.stringify(item);
  const path = "/subjects/a-value/versions";
  const refusals: [body: object, code: number][] = [
    [{ metadata: { properties: { owner: "ann" } } }, 42201],
    [{ ruleSet: { domainRules: [] } }, 42201],
    [{ references: [{ name: "shop.Item", subject: "item", version: 1 }] }, 42201],
    [{ id: 7 }, 42205],
    [{ version: 3 }, 42205],
  ];
  for (const [others, code] of refusals) {
    const { status, body } = await call(server, path, { schema, ...others });
    assert.deepEqual([status, body.error_code], [422, code], JSON.stringify(others));
  }
  const nulls = { schemaType: "AVRO", references: [], metadata: null, ruleSet: null, id: -1, version: null };
  assert.equal((await call(server, path, { schema, ...nulls })).status, 200);
  const guid = await call(server, "/schemas/guids/0b2c4d7e-0000-0000-0000-000000000000");
  assert.deepEqual([guid.status, guid.body.error_code], [404, 40403]);
});
