import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { platformChecks } from "../../commands/references.ts";
import { folderArtifacts } from "../../infra/artifacts/folder.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { embeddedSchemaRegistry } from "../../infra/schema-registry/embedded.ts";
import { compileGate } from "../../ml/cel/gate.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { platform, temporaryDirectory } from "./platform.ts";
import {
  artifact,
  createOrders,
  createPayments,
  orderSchema,
  otherArtifact,
  payment,
  spending,
  training,
  version,
} from "./samples.ts";

/** The bus over real adapters and real checks; of the learning code, a stand-in that records what it was asked. */
const shop = async (t: TestContext) => {
  const directory = temporaryDirectory(t);
  const store = sqliteEventStore(join(directory, "millrace.db"));
  const registry = embeddedSchemaRegistry(store);
  const broker = sqliteBroker(join(directory, "millrace.db"));
  const artifacts = folderArtifacts(join(directory, "artifacts"));
  const asked: unknown[] = [];
  const checks = platformChecks({
    eventStore: store,
    registry,
    broker,
    artifacts,
    compileGate,
    planFeatureView(view, number, definition, sources) {
      const known = sources.map(({ name }) => name);
      if (definition.features.some(({ source }) => !known.includes(source))) {
        throw new MillraceError("INVALID_FEATURE_VIEW", `unknown source; known: ${known}`);
      }
      asked.push(["plan", view, number]);
    },
    inspectModel: async () => ({
      size: 1,
      signature: version.signature,
      columns: version.columns,
      task: "binary",
      output: "output",
      outputIndex: 0,
    }),
    checkColumns: (_project, columns, trigger, views) =>
      asked.push([trigger.name, columns.length, ...views.map(({ view }) => view)]),
    checkOutcome(value, source) {
      if (!source.schema.includes(value.slice("event.".length))) throw new MillraceError("INVALID_EXPRESSION", value);
    },
  });
  const { send } = await platform(t, { store, checks });
  t.after(async () => {
    await registry.close();
    await broker.close();
    await artifacts.close();
  });
  return { send, broker, registry, artifacts, asked };
};

const furnished = async (t: TestContext) => {
  const all = await shop(t);
  const { send } = all;
  await send("CreateEventSource", createOrders);
  await send("CreateEventSource", createPayments);
  await send("CreateFeatureView", { id: "spending", definition: spending });
  await send("RegisterModel", { id: "payer" });
  await send("CreateModelVersion", { model: "payer", artifact });
  await send("ApproveModelVersion", { model: "payer", version: 1, comment: "good" });
  return all;
};

const deployed = async (t: TestContext) => {
  const all = await furnished(t);
  await all.send("CreateDeployment", { id: "payment", ...payment });
  return all;
};

test("an event source brings its topic and its schema", async (t) => {
  const { send, broker, registry } = await shop(t);
  await send("CreateEventSource", { ...createOrders, retentionMs: 1000, maxRecordBytes: 5000 });
  const config = await broker.topic("orders");
  assert.deepEqual([config?.partitions, config?.retentionMs, config?.maxRecordBytes], [2, 1000, 5000]);
  assert.equal((await registry.latest("orders-value"))?.version, 1);
});

test("a topic belongs to one source of one project", async (t) => {
  const { send } = await shop(t);
  await send("CreateEventSource", createOrders);
  await assert.rejects(send("CreateEventSource", { ...createOrders, id: "again" }), {
    code: "ALREADY_EXISTS",
    message: /event source "orders"/,
  });
  await send("CreateProject", { id: "rival", name: "Rival" }, { project: "rival" });
  await assert.rejects(send("CreateEventSource", createOrders, { project: "rival" }), {
    code: "ALREADY_EXISTS",
    message: /another project/,
  });
  await send("ArchiveEventSource", { id: "orders" });
  await send("CreateEventSource", { ...createOrders, id: "again" });
  await assert.rejects(send("CreateEventSource", createOrders, { project: "rival" }), { code: "ALREADY_EXISTS" });
  await assert.rejects(send("CreateEventSource", { ...createOrders, id: "x", topic: "shop.payment.predictions" }), {
    code: "BAD_REQUEST",
    message: /the platform's own/,
  });
});

test("two projects that want a topic at the same moment do not both get it", async (t) => {
  const { send } = await shop(t);
  await send("CreateProject", { id: "rival", name: "Rival" }, { project: "rival" });
  const results = await Promise.allSettled([
    send("CreateEventSource", createOrders),
    send("CreateEventSource", createOrders, { project: "rival" }),
  ]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("a refused schema leaves no topic behind", async (t) => {
  const { send, broker } = await shop(t);
  await assert.rejects(send("CreateEventSource", { ...createOrders, timestamp: "amount" }), { code: "INVALID_SCHEMA" });
  assert.equal(await broker.topic("orders"), null);
});

test("a schema changes compatibly, or not at all", async (t) => {
  const { send, registry } = await deployed(t);
  const changed = (edit: (fields: { name: string; type: unknown; default?: unknown }[]) => void): string => {
    const schema = JSON.parse(orderSchema);
    edit(schema.fields);
    return JSON.stringify(schema);
  };
  const needed = changed((fields) => fields.push({ name: "country", type: "string" }));
  await assert.rejects(send("ChangeEventSourceSchema", { id: "orders", schema: needed }), {
    code: "INCOMPATIBLE_SCHEMA",
    message: /country/,
  });
  const keyless = changed((fields) => fields.shift());
  await assert.rejects(send("ChangeEventSourceSchema", { id: "orders", schema: keyless }), { code: "INVALID_SCHEMA" });
  const optional = changed((fields) => fields.push({ name: "country", type: "string", default: "" }));
  await send("ChangeEventSourceSchema", { id: "orders", schema: optional });
  assert.equal((await registry.versions("orders-value")).length, 2);
  const withoutOutcomeKey = changed((fields) => fields.splice(1, 1));
  await assert.rejects(send("ChangeEventSourceSchema", { id: "orders", schema: withoutOutcomeKey }), {
    code: "INVALID_SCHEMA",
    message: /outcome.key: event source "orders" has no field order/,
  });
  assert.equal((await registry.versions("orders-value")).length, 2);
});

test("a feature view is planned with its version before it is written", async (t) => {
  const { send, asked } = await furnished(t);
  assert.deepEqual(asked, [["plan", "spending", 1]]);
  await send("ChangeFeatureView", { id: "spending", definition: { ...spending, ttlMs: 1 } });
  await send("ChangeFeatureView", { id: "spending", definition: { ...spending, ttlMs: 1 } });
  assert.deepEqual(asked.slice(1), [["plan", "spending", 2]]);
  const elsewhere = { ...spending, features: [{ ...spending.features[0], source: "parcels" }] };
  await assert.rejects(send("CreateFeatureView", { id: "parcels", definition: elsewhere }), {
    code: "INVALID_FEATURE_VIEW",
    message: /known: orders,payments/,
  });
});

test("a deployment's parts must all be there", async (t) => {
  const { send, asked } = await furnished(t);
  const refused = (change: object, error: object) =>
    assert.rejects(send("CreateDeployment", { id: "payment", ...payment, ...change }), error);
  await refused({ trigger: "parcels" }, { code: "NOT_FOUND", message: /event source "parcels"/ });
  const reads = (from: string) => ({ columns: [payment.columns[0], { name: "orders_1h", from }] });
  await refused(reads("loyalty:points"), { code: "NOT_FOUND", message: /feature view "loyalty"/ });
  await refused(reads("spending:orders_9h"), { code: "NOT_FOUND", message: /it has orders_1h, amount_1d/ });
  const served = (model: string, number: number) => ({ split: [{ ...payment.split[0], model, version: number }] });
  await refused(served("guesser", 1), { code: "NOT_FOUND", message: /model "guesser"/ });
  await refused(served("payer", 9), { code: "NOT_FOUND", message: /no version 9/ });
  const outcome = payment.outcome!;
  await refused({ outcome: { ...outcome, source: "parcels" } }, { code: "NOT_FOUND" });
  await refused(
    { outcome: { ...outcome, key: ["amount"] } },
    { code: "INVALID_SCHEMA", message: /"payments" has no field amount/ },
  );
  await refused({ outcome: { ...outcome, value: "event.nothing" } }, { code: "INVALID_EXPRESSION" });
  asked.length = 0;
  await send("CreateDeployment", { id: "payment", ...payment });
  assert.deepEqual(asked, [["orders", 2, "spending"]]);
});

test("an outcome must be dealt out like its trigger", async (t) => {
  const { send } = await furnished(t);
  await send("CreateEventSource", { ...createPayments, id: "late", topic: "late", partitions: 3 });
  await assert.rejects(
    send("CreateDeployment", { id: "payment", ...payment, outcome: { ...payment.outcome!, source: "late" } }),
    { code: "BAD_REQUEST", message: /"orders" has key customer and 2 partitions, "late" has key customer and 3/ },
  );
});

test("versions must be approved, fit the columns by name and order, and agree on their task", async (t) => {
  const { send } = await furnished(t);
  await send("CreateModelVersion", { model: "payer", artifact: otherArtifact });
  const shadow = { model: "payer", version: 2, variant: "shadow", share: 0 } as const;
  const both = { ...payment, split: [...payment.split, shadow] };
  await assert.rejects(send("CreateDeployment", { id: "payment", ...both }), {
    code: "ILLEGAL_STATE",
    message: /payer\/2 is pending/,
  });
  const [amount, orders] = payment.columns;
  const mismatch = (columns: typeof payment.columns, message: RegExp) =>
    assert.rejects(send("CreateDeployment", { id: "payment", ...payment, columns }), {
      code: "SIGNATURE_MISMATCH",
      message,
    });
  await mismatch([amount], /payer\/1 .* lacks orders_1h/);
  await mismatch([amount, orders, { name: "hour", from: "hour(time)" }], /does not take hour/);
  await mismatch([orders, amount], /the order differs: the model takes amount, orders_1h/);
  await send("CreateModelVersion", { model: "payer", artifact, task: "regression" });
  for (const number of [2, 3]) await send("ApproveModelVersion", { model: "payer", version: number, comment: "ok" });
  const mixed = [...payment.split, { ...shadow, version: 3 }];
  await assert.rejects(send("CreateDeployment", { id: "payment", ...payment, split: mixed }), /same task/);
  await send("CreateDeployment", { id: "payment", ...both });
});

test("new traffic is checked as a new deployment is", async (t) => {
  const { send } = await deployed(t);
  await send("CreateModelVersion", { model: "payer", artifact: otherArtifact });
  const split = [{ ...payment.split[0], version: 2 }];
  await assert.rejects(send("ChangeTraffic", { id: "payment", split }), { code: "ILLEGAL_STATE", message: /pending/ });
  await send("ApproveModelVersion", { model: "payer", version: 2, comment: "better" });
  assert.deepEqual((await send("ChangeTraffic", { id: "payment", split })).events, ["TrafficChanged"]);
});

test("what is in use stays until its users have stopped", async (t) => {
  const { send } = await deployed(t);
  const inUse = (sent: Promise<unknown>, message: RegExp) => assert.rejects(sent, { code: "ILLEGAL_STATE", message });
  await inUse(send("ArchiveEventSource", { id: "orders" }), /feature view "spending", deployment "payment"/);
  await inUse(send("ArchiveEventSource", { id: "payments" }), /deployment "payment"/);
  await inUse(send("ArchiveFeatureView", { id: "spending" }), /deployment "payment"/);
  await inUse(send("ArchiveModel", { model: "payer" }), /deployment "payment"/);
  await inUse(send("RejectModelVersion", { model: "payer", version: 1, comment: "bad" }), /payer\/1 is in use/);
  const fewer = { ...spending, features: [spending.features[1]] };
  await inUse(send("ChangeFeatureView", { id: "spending", definition: fewer }), /reads orders_1h/);
  await send("StopDeployment", { id: "payment" });
  await send("ChangeFeatureView", { id: "spending", definition: fewer });
  await send("RejectModelVersion", { model: "payer", version: 1, comment: "bad" });
  await send("ArchiveModel", { model: "payer" });
  await send("ArchiveFeatureView", { id: "spending" });
  await send("ArchiveEventSource", { id: "orders" });
});

test("what is archived is not built upon", async (t) => {
  const { send } = await furnished(t);
  await send("ArchiveFeatureView", { id: "spending" });
  await assert.rejects(send("CreateDeployment", { id: "payment", ...payment }), /feature view "spending" is archived/);
  await send("ArchiveEventSource", { id: "orders" });
  await assert.rejects(send("SubmitTrainingJob", { spec: training }), /event source "orders" is archived/);
  await send("ArchiveModel", { model: "payer" });
  await assert.rejects(send("SubmitTrainingJob", { spec: training }), /model "payer" is archived/);
});

test("a training job names what is there", async (t) => {
  const { send } = await furnished(t);
  await send("SubmitTrainingJob", { id: "one", spec: training });
  await assert.rejects(send("SubmitTrainingJob", { spec: { ...training, model: "guesser" } }), { code: "NOT_FOUND" });
  const label = { ...training.label, key: ["paid"] };
  await assert.rejects(send("SubmitTrainingJob", { spec: { ...training, label } }), { code: "INVALID_SCHEMA" });
});

test("a monitor watches an active deployment and columns that it has", async (t) => {
  const { send } = await deployed(t);
  const drift = { kind: "drift", deployment: "payment" } as const;
  const create = (id: string, definition: object) =>
    send("CreateMonitor", { id, definition: { ...drift, ...definition } as typeof drift });
  await create("all", {});
  await create("some", { columns: ["amount", "prediction"] });
  await assert.rejects(create("odd", { columns: ["hour"] }), {
    code: "BAD_REQUEST",
    message: /has no hour; it has amount/,
  });
  await assert.rejects(create("lost", { deployment: "nothing" }), { code: "NOT_FOUND" });
  await send("CreateMonitor", { id: "errors", definition: { kind: "error", deployment: "payment" } });
  await send("CreateDeployment", { id: "blind", ...payment, outcome: null });
  await assert.rejects(
    send("CreateMonitor", { id: "e2", definition: { kind: "error", deployment: "blind" } }),
    /no outcome/,
  );
  await send("StopDeployment", { id: "payment" });
  await assert.rejects(create("late", {}), { code: "ILLEGAL_STATE", message: /stopped/ });
});

test("a reference profile must be stored before a version names it", async (t) => {
  const { send, artifacts } = await furnished(t);
  const create = (profile: string) => send("CreateModelVersion", { model: "payer", artifact, profile });
  await assert.rejects(create(otherArtifact), { code: "NOT_FOUND", message: /upload it first/ });
  const { digest } = await artifacts.put(Buffer.from("profile"));
  assert.equal((await create(digest)).version, 2);
  await assert.rejects(send("CreateModelVersion", { model: "guesser", artifact }), {
    code: "NOT_FOUND",
    message: /register it first/,
  });
});

test("with a policy on Production a deployment's champion must hold that stage; a challenger need not", async (t) => {
  const { send } = await furnished(t);
  await send("SetPolicy", { stage: "Production", approvals: 0, fourEyes: false, gate: "auc > 0.7" });
  const deploy = () => send("CreateDeployment", { id: "payment", ...payment });
  await assert.rejects(deploy(), { code: "ILLEGAL_STATE", message: /payer\/1 has the stage None: promote it first/ });
  const promote = (number: number) => send("TransitionStage", { model: "payer", version: number, stage: "Production" });
  await assert.rejects(promote(1), { code: "POLICY_NOT_MET", message: /needs the metric auc/ });
  await send("CreateModelVersion", { model: "payer", artifact, metrics: { auc: 0.8 } });
  await promote(2);
  const champion = { ...payment.split[0], version: 2 };
  const challenger = { model: "payer", version: 1, variant: "challenger", share: 0.1 } as const;
  await send("CreateDeployment", { id: "payment", ...payment, split: [{ ...champion, share: 0.9 }, challenger] });
  await assert.rejects(send("ChangeTraffic", { id: "payment", split: payment.split }), /promote it first/);
  await assert.rejects(send("DeleteModelVersion", { model: "payer", version: 1 }), /in use by deployment "payment"/);
  await send("RemovePolicy", { stage: "Production" });
  await send("ChangeTraffic", { id: "payment", split: payment.split });
});

test("a version of another format than ONNX is registered, but not deployed", async (t) => {
  const { send } = await furnished(t);
  const pickle = { model: "payer", format: "other", source: "mlflow-artifacts:/1/2/artifacts/model" } as const;
  const { version: number } = await send("CreateModelVersion", pickle);
  await send("ApproveModelVersion", { model: "payer", version: 2, comment: "fine" });
  const split = [{ ...payment.split[0], version: number as number }];
  await assert.rejects(send("CreateDeployment", { id: "payment", ...payment, split }), {
    code: "ILLEGAL_STATE",
    message: /payer\/2 is not an ONNX model/,
  });
});
