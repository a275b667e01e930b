import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildSchema, lexicographicSortSchema, printSchema } from "graphql";
import { commandTypes } from "../../commands/payloads.ts";
import { sdl } from "../../graphql/print-sdl.ts";
import { schema } from "../../graphql/schema.ts";
import { collectionNames } from "../../projections/documents/types.ts";

test("the committed SDL is the schema", () => {
  const committed = readFileSync(new URL("../../graphql/schema.graphql", import.meta.url), "utf8");
  const same = sdl() === `${printSchema(lexicographicSortSchema(buildSchema(committed)))}\n`;
  assert.ok(same, "the schema has changed: run npm run sdl and npm run format, and read the difference");
});

test("every command is a mutation and nothing else is", () => {
  const expected = commandTypes.map((type) => type.charAt(0).toLowerCase() + type.slice(1));
  assert.deepEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort(), expected.sort());
});

test("every collection of documents has a list", () => {
  const queries = schema.getQueryType()?.getFields() ?? {};
  for (const collection of collectionNames) assert.ok(collection in queries, collection);
});
