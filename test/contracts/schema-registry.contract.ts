import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Compatibility, SchemaRegistry } from "../../infra/schema-registry/port.ts";

type Field = { name: string; type: unknown; default?: unknown; aliases?: string[] };
export const recordSchema = (name: string, ...fields: Field[]): string =>
  JSON.stringify({ type: "record", name, fields });

const id: Field = { name: "id", type: "string" };
const count: Field = { name: "count", type: "int" };
const optional: Field = { name: "note", type: ["null", "string"], default: null };

/** What every schema registry promises. `open` is called twice: two faces of the same, empty registry. */
export const schemaRegistryContract = (name: string, open: () => Promise<SchemaRegistry>): void => {
  describe(`schema registry: ${name}`, () => {
    let registry: SchemaRegistry;
    let other: SchemaRegistry;
    before(async () => {
      registry = await open();
      other = await open();
    });
    after(async () => {
      await registry.close();
      await other.close();
    });

    it("registers a schema, and answers an equal one with the same id", async () => {
      const schema = recordSchema("First", id, count);
      const first = await registry.register("first", schema);
      assert.deepEqual(first, { id: first.id, subject: "first", version: 1, schema });
      assert.ok(first.id >= 1);
      const spaced = JSON.stringify({ ...JSON.parse(schema), doc: "with words" }, null, 2);
      assert.deepEqual(await other.register("first", spaced), first);
      assert.equal(await other.byId(first.id), schema);
      assert.deepEqual(await other.latest("first"), first);
    });

    it("gives a compatible change the next version and a new id", async () => {
      const one = await registry.register("second", recordSchema("Second", id));
      const two = await other.register("second", recordSchema("Second", id, optional));
      const again = await registry.register("second", recordSchema("Second", id));
      assert.equal(two.version, 2);
      assert.notEqual(two.id, one.id);
      assert.deepEqual(again, one);
      assert.deepEqual(await registry.versions("second"), [one, two]);
      assert.deepEqual(await registry.latest("second"), two);
    });

    it("refuses an incompatible change and says why, unless told otherwise", async () => {
      await registry.register("third", recordSchema("Third", id));
      const wider = recordSchema("Third", id, count);
      assert.equal((await registry.check("third", wider)).compatible, false);
      await assert.rejects(registry.register("third", wider), { code: "INCOMPATIBLE_SCHEMA", message: /"count"/ });
      assert.equal((await registry.versions("third")).length, 1);
      assert.deepEqual(await registry.check("third", wider, "FORWARD"), { compatible: true, reasons: [] });
      assert.equal((await registry.register("third", wider, "NONE")).version, 2);
    });

    it("refuses what is not a schema", async () => {
      for (const schema of ["", "{}", '{"type":"record","name":"X"}']) {
        await assert.rejects(registry.register("bad", schema), { code: "INVALID_SCHEMA" });
        await assert.rejects(registry.check("bad", schema), { code: "INVALID_SCHEMA" });
      }
      assert.deepEqual(await registry.versions("bad"), []);
      assert.equal(await registry.latest("bad"), null);
    });

    it("says UNKNOWN_SCHEMA of an id that is not there", async () => {
      for (const unknown of [0, -1, 1_000_000_000]) {
        await assert.rejects(registry.byId(unknown), { code: "UNKNOWN_SCHEMA" });
      }
    });

    it("never gives one id to two schemas, whoever registers at once", async () => {
      const names = Array.from({ length: 30 }, (_, i) => `Concurrent${i % 15}`);
      const entries = await Promise.all(
        names.map((schema, i) => (i < 15 ? registry : other).register(schema, recordSchema(schema, id))),
      );
      assert.equal(new Set(entries.map((entry) => entry.id)).size, 15);
      for (const [i, entry] of entries.entries()) {
        assert.deepEqual(entry, entries[i % 15]);
        assert.equal(await registry.byId(entry.id), recordSchema(names[i], id));
      }
    });

    it("lists its subjects", async () => {
      const subjects = await other.subjects();
      for (const subject of ["first", "second", "third"]) assert.ok(subjects.includes(subject));
      assert.ok(!subjects.includes("bad"));
    });

    const rules: [title: string, from: Field[], to: Field[], allowed: Compatibility[]][] = [
      ["a field with a default is added", [id], [id, optional], ["BACKWARD", "FORWARD", "FULL"]],
      ["a field without default is added", [id], [id, count], ["FORWARD"]],
      ["a field without default is removed", [id, count], [id], ["BACKWARD"]],
      ["a number is widened", [count], [{ ...count, type: "long" }], ["BACKWARD"]],
      ["a number is narrowed", [{ ...count, type: "double" }], [count], ["FORWARD"]],
      ["a type is changed", [count], [{ ...count, type: "string" }], []],
      ["a field may become null", [count], [{ ...count, type: ["null", "int"] }], ["BACKWARD"]],
      ["a field is renamed with an alias", [count], [{ name: "total", type: "int", aliases: ["count"] }], ["BACKWARD"]],
    ];
    for (const [index, [title, from, to, allowed]] of rules.entries()) {
      it(`where ${title}, allows ${allowed.join(" and ") || "nothing"}`, async () => {
        const subject = `rule-${index}`;
        await registry.register(subject, recordSchema("Rule", ...from));
        for (const rule of ["BACKWARD", "FORWARD", "FULL"] as const) {
          const { compatible, reasons } = await registry.check(subject, recordSchema("Rule", ...to), rule);
          assert.equal(compatible, allowed.includes(rule), `${rule}: ${reasons}`);
          if (!compatible) assert.match(reasons.join(), /"(count|note|total)"/);
        }
      });
    }
  });
};
