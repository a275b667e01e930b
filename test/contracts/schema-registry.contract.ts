import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { Compatibility, RegisteredSchema, SchemaRegistry } from "../../infra/schema-registry/port.ts";

type Field = { name: string; type: unknown; default?: unknown; aliases?: string[] };
export const recordSchema = (name: string, ...fields: Field[]): string =>
  JSON.stringify({ type: "record", name, fields });

const id: Field = { name: "id", type: "string" };
const count: Field = { name: "count", type: "int" };
const optional: Field = { name: "note", type: ["null", "string"], default: null };

/** Engines may give a schema back in other words: spaces, order of attributes. */
const sameSchema = (actual: string, expected: string): void =>
  assert.deepEqual(JSON.parse(actual), JSON.parse(expected));

const sameEntry = (actual: RegisteredSchema | null, expected: RegisteredSchema): void => {
  assert.ok(actual !== null);
  assert.deepEqual(
    { ...actual, schema: JSON.parse(actual.schema) },
    { ...expected, schema: JSON.parse(expected.schema) },
  );
};

/**
 * What every schema registry promises. `open` is called twice: two faces of the same registry, which may hold what
 * others have registered.
 */
export const schemaRegistryContract = (name: string, open: () => Promise<SchemaRegistry>): void => {
  describe(`schema registry: ${name}`, () => {
    const run = randomUUID();
    const of = (subject: string): string => `${subject}-${run}`;
    /** Global ids belong to schemas, so what must be new to the registry has a name of this run. */
    const own = (schema: string): string => `${schema}_${run.replaceAll("-", "")}`;
    let registry: SchemaRegistry;
    let other: SchemaRegistry;
    before(async () => {
      registry = await open();
      other = await open();
    });
    after(async () => {
      await registry?.close();
      await other?.close();
    });

    it("registers a schema, and answers an equal one with the same id", async () => {
      const schema = recordSchema(own("First"), id, count);
      const first = await registry.register(of("first"), schema);
      sameEntry(first, { id: first.id, subject: of("first"), version: 1, schema });
      assert.ok(first.id >= 1);
      const spaced = JSON.stringify(JSON.parse(schema), null, 2);
      sameEntry(await other.register(of("first"), spaced), first);
      sameEntry(await other.find(of("first"), spaced), first);
      sameSchema(await other.byId(first.id), schema);
      sameEntry(await other.latest(of("first")), first);
    });

    it("gives a compatible change the next version and a new id", async () => {
      const one = await registry.register(of("second"), recordSchema("Second", id));
      await registry.setCompatibility(of("second"), "BACKWARD");
      const two = await other.register(of("second"), recordSchema("Second", id, optional));
      const again = await registry.register(of("second"), recordSchema("Second", id));
      assert.equal(two.version, 2);
      assert.notEqual(two.id, one.id);
      sameEntry(again, one);
      const versions = await registry.versions(of("second"));
      assert.equal(versions.length, 2);
      sameEntry(versions[0], one);
      sameEntry(versions[1], two);
      sameEntry(await registry.latest(of("second")), two);
    });

    it("gives one schema the same id under all its subjects, and names them", async () => {
      const schema = recordSchema(own("Shared"), id);
      const here = await registry.register(of("shared-a"), schema);
      const there = await other.register(of("shared-b"), schema);
      assert.equal(there.id, here.id);
      const uses = await registry.uses(here.id);
      assert.deepEqual(
        uses.sort((a, b) => (a.subject < b.subject ? -1 : 1)),
        [
          { subject: of("shared-a"), version: 1 },
          { subject: of("shared-b"), version: 1 },
        ],
      );
      assert.deepEqual(await registry.uses(1_000_000_000), []);
    });

    it("finds nothing where nothing is registered", async () => {
      const schema = recordSchema("Nowhere", id);
      assert.equal(await registry.find(of("nowhere"), schema), null);
      await registry.register(of("somewhere"), recordSchema("Somewhere", id));
      assert.equal(await registry.find(of("somewhere"), schema), null);
      assert.deepEqual(await registry.versions(of("nowhere")), []);
      assert.equal(await registry.latest(of("nowhere")), null);
    });

    it("refuses an incompatible change and says why, unless told otherwise", async () => {
      const subject = of("third");
      await registry.register(subject, recordSchema("Third", id));
      await registry.setCompatibility(subject, "BACKWARD");
      const wider = recordSchema("Third", id, count);
      assert.equal((await registry.check(subject, wider)).compatible, false);
      await assert.rejects(registry.register(subject, wider), { code: "INCOMPATIBLE_SCHEMA", message: /count/ });
      assert.equal((await registry.versions(subject)).length, 1);
      await registry.setCompatibility(subject, "FORWARD");
      assert.deepEqual(await registry.check(subject, wider), { compatible: true, reasons: [] });
      await other.setCompatibility(subject, "NONE");
      assert.equal((await registry.register(subject, recordSchema("Third", { ...id, type: "int" }))).version, 2);
    });

    it("takes a schema that it holds already, whatever came after it", async () => {
      const subject = of("held");
      const old = recordSchema("Held", id);
      const first = await registry.register(subject, old);
      await registry.setCompatibility(subject, "NONE");
      await registry.register(subject, recordSchema("Held", count));
      await registry.setCompatibility(subject, "BACKWARD");
      assert.equal((await other.check(subject, old)).compatible, true);
      sameEntry(await other.register(subject, old), first);
    });

    it("keeps a subject's level apart from that of all", async () => {
      const subject = of("levels");
      const all = await registry.compatibility();
      assert.ok(all !== null);
      // Some registries say the level of all where a subject has none.
      const none = [null, all];
      await registry.register(subject, recordSchema("Levels", id));
      assert.ok(none.includes(await registry.compatibility(subject)));
      await registry.setCompatibility(subject, "FULL_TRANSITIVE");
      assert.equal(await other.compatibility(subject), "FULL_TRANSITIVE");
      assert.equal(await other.compatibility(), all);
      for (const _ of ["taken back", "nothing to take back"]) {
        await registry.setCompatibility(subject, null);
        assert.ok(none.includes(await other.compatibility(subject)));
      }
    });

    it("looks at the newest schema only, unless the level is transitive", async () => {
      const subject = of("transitive");
      const [one, two, three] = [
        recordSchema("Transitive", id, { ...count, default: 0 }),
        recordSchema("Transitive", id),
        recordSchema("Transitive", id, { name: "count", type: "string", default: "" }),
      ];
      await registry.register(subject, one);
      await registry.setCompatibility(subject, "BACKWARD");
      await registry.register(subject, two);
      assert.equal((await registry.check(subject, three)).compatible, true);
      await registry.setCompatibility(subject, "BACKWARD_TRANSITIVE");
      assert.equal((await registry.check(subject, three)).compatible, false);
      await assert.rejects(registry.register(subject, three), { code: "INCOMPATIBLE_SCHEMA" });
    });

    it("refuses what is not a schema", async () => {
      for (const schema of ["", "{}", '{"type":"record","name":"X"}']) {
        await assert.rejects(registry.register(of("bad"), schema), { code: "INVALID_SCHEMA" });
        await assert.rejects(registry.check(of("bad"), schema), { code: "INVALID_SCHEMA" });
        await assert.rejects(registry.find(of("bad"), schema), { code: "INVALID_SCHEMA" });
      }
      assert.deepEqual(await registry.versions(of("bad")), []);
      assert.equal(await registry.latest(of("bad")), null);
    });

    it("says UNKNOWN_SCHEMA of an id that is not there", async () => {
      for (const unknown of [0, -1, 1_000_000_000]) {
        await assert.rejects(registry.byId(unknown), { code: "UNKNOWN_SCHEMA" });
      }
    });

    it("never gives one id to two schemas, whoever registers at once", async () => {
      const names = Array.from({ length: 30 }, (_, i) => `Concurrent${i % 15}`);
      const entries = await Promise.all(
        names.map((schema, i) => (i < 15 ? registry : other).register(of(schema), recordSchema(own(schema), id))),
      );
      assert.equal(new Set(entries.map((entry) => entry.id)).size, 15);
      for (const [i, entry] of entries.entries()) {
        sameEntry(entry, entries[i % 15]);
        sameSchema(await registry.byId(entry.id), recordSchema(own(names[i]), id));
      }
    });

    it("lists its subjects", async () => {
      const subjects = await other.subjects();
      for (const subject of ["first", "second", "third"]) assert.ok(subjects.includes(of(subject)));
      assert.ok(!subjects.includes(of("bad")));
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
        const subject = of(`rule-${index}`);
        await registry.register(subject, recordSchema("Rule", ...from));
        for (const rule of ["BACKWARD", "FORWARD", "FULL"] as const) {
          await registry.setCompatibility(subject, rule);
          const { compatible, reasons } = await registry.check(subject, recordSchema("Rule", ...to));
          assert.equal(compatible, allowed.includes(rule), `${rule}: ${reasons}`);
          assert.equal(reasons.length > 0, !compatible);
        }
      });
    }
  });
};
