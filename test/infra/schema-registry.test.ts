import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { incompatibilities } from "../../infra/schema-registry/compatibility.ts";
import { embeddedSchemaRegistry } from "../../infra/schema-registry/embedded.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { avroType, frame, recordDecoder } from "../../schemas/codec.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { recordSchema, schemaRegistryContract } from "../contracts/schema-registry.contract.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-schema-registry-"));
const stores: EventStore[] = [];
const openStore = (name: string): EventStore => {
  const store = sqliteEventStore(join(directory, name));
  stores.push(store);
  return store;
};
after(async () => {
  for (const store of stores) await store.close();
  rmSync(directory, { recursive: true, force: true });
});

schemaRegistryContract("embedded", () => openSchemaRegistry("embedded:", openStore("contract.db")));

describe("embedded schema registry", () => {
  it("counts ids from 1, shares them among subjects, and is there after a restart", async () => {
    const first = embeddedSchemaRegistry(openStore("restart.db"));
    const schema = recordSchema("Shared", { name: "id", type: "string" });
    assert.equal((await first.register("a", schema)).id, 1);
    assert.deepEqual(await first.register("b", schema), { id: 1, subject: "b", version: 1, schema });
    assert.equal((await first.register("c", recordSchema("Other"))).id, 2);
    await first.close();
    await assert.rejects(first.latest("a"), { code: "CLOSED" });
    const second = embeddedSchemaRegistry(openStore("restart.db"));
    assert.equal(await second.byId(1), schema);
    assert.deepEqual(await second.subjects(), ["a", "b", "c"]);
    assert.equal((await second.register("d", recordSchema("Third"))).id, 3);
  });

  it("knows a schema whose spacing differs, and gives it back as it came first; other documentation is a version", async () => {
    const registry = embeddedSchemaRegistry(openStore("words.db"));
    const schema = recordSchema("Words", { name: "id", type: "string" });
    const first = await registry.register("a", schema);
    assert.deepEqual(await registry.register("a", JSON.stringify(JSON.parse(schema), null, 2)), { ...first, schema });
    const documented = JSON.stringify({ ...JSON.parse(schema), doc: "with words" });
    assert.equal((await registry.register("a", documented)).version, 2);
  });

  it("names the field in every reason", async () => {
    const registry = embeddedSchemaRegistry(openStore("reasons.db"));
    await registry.register("a", recordSchema("A", { name: "count", type: "int" }));
    const { reasons } = await registry.check("a", recordSchema("A", { name: "count", type: "string" }));
    assert.match(reasons.join(), /"count"/);
  });

  it("keeps levels as events: they hold after a restart, and for every face", async () => {
    const first = embeddedSchemaRegistry(openStore("levels.db"));
    await first.setCompatibility(undefined, "NONE");
    await first.setCompatibility("a", "FULL");
    const second = embeddedSchemaRegistry(openStore("levels.db"));
    assert.equal(await second.compatibility(), "NONE");
    assert.equal(await second.compatibility("a"), "FULL");
    assert.equal(await second.compatibility("b"), null);
    await second.register("b", recordSchema("B"));
    assert.equal((await first.register("b", recordSchema("Other"))).version, 2);
    await second.setCompatibility(undefined, null);
    assert.equal(await first.compatibility(), "BACKWARD");
  });

  it("keeps its stream out of the aggregates' names", async () => {
    const store = openStore("stream.db");
    await embeddedSchemaRegistry(store).register("a", recordSchema("A"));
    for await (const event of store.readAll()) assert.equal(parseStreamName(event.stream), null);
  });

  it("refuses a URL of no known engine", async () => {
    await assert.rejects(openSchemaRegistry("ftp://registry", openStore("url.db")), {
      code: "INVALID_SETTING",
      message: /SCHEMA_REGISTRY.*embedded:, http:, https:/,
    });
  });
});

describe("compatibility", () => {
  const of = (type: unknown): string => recordSchema("Outer", { name: "part", type });
  const inner = (...fields: unknown[]) => ({ type: "record", name: "Inner", fields });
  const cases: [title: string, next: unknown, previous: unknown, reason: RegExp | null][] = [
    ["nested field", inner({ name: "x", type: "int" }), inner(), /"part\.x" is not in the writer's schema/],
    ["array items", { type: "array", items: "int" }, { type: "array", items: "string" }, /"part\.items" is a string/],
    ["map values", { type: "map", values: "int" }, { type: "map", values: "long" }, /"part\.values" is a long/],
    [
      "enum symbols",
      { type: "enum", name: "E", symbols: ["A"] },
      { type: "enum", name: "E", symbols: ["A", "B"] },
      /may be B/,
    ],
    ["fixed size", { type: "fixed", name: "F", size: 2 }, { type: "fixed", name: "F", size: 3 }, /has 3 bytes/],
    ["another name", { type: "fixed", name: "G", size: 2 }, { type: "fixed", name: "F", size: 2 }, /fixed F.*fixed G/],
    ["a lost branch", ["null", "int"], ["null", "int", "string"], /"part" is a string, which no branch/],
    ["null no more", "int", ["null", "int"], /"part" is a null/],
    ["more branches", ["null", "int", "string"], ["int", "null"], null],
    ["bytes from string", "bytes", "string", null],
    ["another namespace", { type: "fixed", name: "a.F", size: 2 }, { type: "fixed", name: "b.F", size: 2 }, null],
  ];
  for (const [title, next, previous, reason] of cases) {
    it(`${reason === null ? "allows" : "refuses"} ${title}`, () => {
      const reasons = incompatibilities("BACKWARD", of(next), of(previous));
      if (reason === null) assert.deepEqual(reasons, []);
      else assert.match(reasons.join("; "), reason);
    });
  }

  it("ends on recursive schemas", () => {
    const tree = (...fields: unknown[]): string =>
      JSON.stringify({
        type: "record",
        name: "Tree",
        fields: [{ name: "children", type: { type: "array", items: "Tree" } }, ...fields],
      });
    assert.deepEqual(incompatibilities("FULL", tree({ name: "x", type: "int", default: 0 }), tree()), []);
    assert.match(incompatibilities("FULL", tree({ name: "x", type: "int" }), tree()).join(), /"x"/);
  });

  it("allows only what the codec can read", () => {
    const types = ["int", "long", "float", "double", "string", "bytes", ["null", "int"], ["int", "string"], "boolean"];
    for (const writer of types.map(of)) {
      for (const reader of types.map(of)) {
        if (incompatibilities("BACKWARD", reader, writer).length > 0) continue;
        const type = avroType(writer);
        const bytes = frame(1, type, type.random());
        assert.doesNotThrow(() => recordDecoder(reader, () => writer).decode(bytes, 0, bytes.length));
      }
    }
  });
});
