import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { platformChecks } from "../../commands/references.ts";
import { folderArtifacts } from "../../infra/artifacts/folder.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { embeddedSchemaRegistry } from "../../infra/schema-registry/embedded.ts";
import { compileGate } from "../../ml/cel/gate.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { platform, temporaryDirectory } from "../commands/platform.ts";
import { version } from "../commands/samples.ts";

type Field = { name: string; type: unknown; default?: unknown; aliases?: string[] };

const schemaOf = (...fields: Field[]): string =>
  JSON.stringify({
    type: "record",
    name: "Event",
    fields: [{ name: "k", type: "string" }, { name: "t", type: "long" }, ...fields],
  });
const n = (type: unknown, more: Partial<Field> = {}): string => schemaOf({ name: "n", type, ...more });

/** A source "events" over the real registry and broker, whose records are written under the schemas that are given. */
const source = async (t: TestContext, first: string) => {
  const directory = temporaryDirectory(t);
  const store = sqliteEventStore(join(directory, "millrace.db"));
  const registry = embeddedSchemaRegistry(store);
  const broker = sqliteBroker(join(directory, "millrace.db"));
  const artifacts = folderArtifacts(join(directory, "artifacts"));
  const checks = platformChecks({
    eventStore: store,
    registry,
    broker,
    artifacts,
    compileGate,
    planFeatureView: () => {},
    inspectModel: async () => ({
      size: 1,
      signature: version.signature,
      columns: version.columns,
      task: "binary",
      output: null,
      outputIndex: null,
    }),
    checkColumns: () => {},
    checkOutcome: () => {},
  });
  const { send } = await platform(t, { store, checks });
  t.after(async () => {
    await registry.close();
    await broker.close();
    await artifacts.close();
  });
  const definition = { topic: "events", key: "k", timestamp: "t", partitions: 2 };
  await send("CreateEventSource", { id: "events", ...definition, schema: first });
  return {
    registry,
    broker,
    create: (id: string, schema: string) => send("CreateEventSource", { id, ...definition, schema }),
    archive: () => send("ArchiveEventSource", { id: "events" }),
    change: (schema: string) => send("ChangeEventSourceSchema", { id: "events", schema }),
    write: async (schema: string, event: object): Promise<void> => {
      const found = await registry.find("events-value", schema);
      assert.ok(found !== null);
      const value = frame(found.id, avroType(schema), { k: "a", t: 1, ...event });
      await broker.produce("events", [{ key: "a", value, timestamp: 1 }]);
    },
    writeJson: (event: object) =>
      broker.produce("events", [
        { key: "a", value: Buffer.from(JSON.stringify({ k: "a", t: 1, ...event })), timestamp: 1 },
      ]),
  };
};

const refused = (message: RegExp) => ({ code: "INCOMPATIBLE_SCHEMA", message });

test("a schema is not taken back while there are records that only the later one reads", async (t) => {
  const { change, write } = await source(t, n("long"));
  await write(n("long"), { n: 5 });
  await change(n("double"));
  await write(n("double"), { n: 1.5 });
  await assert.rejects(
    change(n("long")),
    refused(/version 2 of events-value: .*"n" is a double.*cannot be read as long/),
  );
  await change(n(["null", "double"]));
});

test("a schema is taken back while nothing was written under the later one", async (t) => {
  const { change, write } = await source(t, n("long"));
  await write(n("long"), { n: 5 });
  await change(n("double"));
  await change(n("long"));
});

test("a chain of steps, each compatible with the one before, does not lose the oldest records", async (t) => {
  const { change, write } = await source(t, n("long"));
  await write(n("long"), { n: 5 });
  await change(schemaOf());
  await assert.rejects(change(n("string", { default: "" })), refused(/version 1 of events-value: .*"n" is a long/));
  await change(n("double", { default: 0 }));
});

test("records under the versions of a registry that checks nothing are looked at, too", async (t) => {
  const { change, write, registry } = await source(t, n("long"));
  await write(n("long"), { n: 5 });
  await registry.setCompatibility("events-value", "NONE");
  await assert.rejects(change(n("string")), refused(/cannot be read as string/));
});

test("a record that was never read does not stand in the way", async (t) => {
  const { change, write, registry } = await source(t, n("long"));
  await registry.setCompatibility("events-value", "NONE");
  await registry.register("events-value", n("string"));
  await write(n("string"), { n: "a dead letter" });
  await change(n("double"));
});

test("records in JSON, which name no schema, may be of any that there was", async (t) => {
  const { change, writeJson } = await source(t, n("long"));
  await change(n("double"));
  await writeJson({ n: 1.5 });
  await assert.rejects(change(n("long")), refused(/"n" is a double/));
});

test("a change that gives older records other values is none", async (t) => {
  const lacking = await source(t, schemaOf());
  await lacking.write(schemaOf(), {});
  await lacking.change(n("long", { default: 0 }));
  await assert.rejects(
    lacking.change(n("long", { default: 7 })),
    refused(/would become 7 where it is not written, it was 0/),
  );
  const rounded = await source(t, n("long"));
  await rounded.write(n("long"), { n: 16_777_217 });
  await assert.rejects(rounded.change(n("float")), refused(/"n" would be rounded to a float/));
  const renamed = await source(t, schemaOf({ name: "m", type: "long" }));
  await renamed.write(schemaOf({ name: "m", type: "long" }), { m: 1 });
  await renamed.change(n("long", { default: 0 }));
  await assert.rejects(renamed.change(n("long", { default: 0, aliases: ["m"] })), refused(/would be read from "m"/));
});

test("a source that takes over the topic of an archived one reads what that one has read", async (t) => {
  const { archive, create, write, registry } = await source(t, n("double"));
  await write(n("double"), { n: 1.5 });
  await archive();
  await registry.setCompatibility("events-value", "NONE");
  await assert.rejects(create("again", n("long")), refused(/"n" is a double/));
  await create("again", n(["null", "double"]));
});
