import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import type { Position } from "../../infra/event-store/port.ts";
import { type EmbeddedWarehouse, startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { runAudit } from "../../projections/audit.ts";
import { documentsAsOf } from "../../projections/clickhouse/read/documents-as-of.ts";
import { ensureTables } from "../../projections/clickhouse/tables.ts";
import { documentHistory, runDocumentHistory } from "../../projections/documents/history.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import type { EventTableOptions } from "../../projections/event-table.ts";
import { modelFacts, modelVersion } from "./facts.ts";
import { until } from "./snapshot.ts";
import { type Fact, record, type Stores, storesOf } from "./stores.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-audit-"));
let embedded: EmbeddedWarehouse;
let warehouse: Warehouse;

before(async () => {
  embedded = await startEmbeddedWarehouse({ directory });
  warehouse = openWarehouse(`${embedded.url}/millrace`);
  await ensureTables(warehouse);
});
after(async () => {
  await warehouse.close();
  await embedded.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  await warehouse.client.command({ query: "TRUNCATE TABLE documents" });
  await warehouse.client.command({ query: "TRUNCATE TABLE audit" });
});

type Row = Record<string, unknown>;

const rows = async (query: string): Promise<Row[]> =>
  (await warehouse.client.query({ query, format: "JSONEachRow" })).json<Row>();

type Run = (options: EventTableOptions) => Promise<void>;

/** Runs until the position is in, and stops. */
const runTo = async (run: Run, stores: Stores, position: Position, options: Partial<EventTableOptions> = {}) => {
  const stopping = new AbortController();
  let at = "0";
  const done = run({
    eventStore: stores.eventStore,
    warehouse,
    signal: stopping.signal,
    lingerMs: 5,
    onPosition: (reached) => {
      at = reached;
    },
    ...options,
  });
  try {
    await Promise.race([until(() => at === position), done]);
  } finally {
    stopping.abort();
    await done;
  }
};

const version = (n: number): Fact => ({
  aggregate: "model",
  project: "flights",
  id: "delays",
  event: { type: "ModelVersionCreated", data: modelVersion(n) },
  at: Date.UTC(2001, 5, 1) + n,
});

test("every version of every document is in the table once, over restarts at any point", async (t) => {
  const stores = storesOf(t);
  await record(stores.eventStore, ...modelFacts("flights", "delays"));
  await runTo(runDocumentHistory, stores, "3", { maxEvents: 1 });
  await record(stores.eventStore, version(2), version(3));
  await runTo(runDocumentHistory, stores, "5");
  await record(stores.eventStore, version(4));
  await runTo(runDocumentHistory, stores, "6");
  const models = await rows(
    "SELECT toString(position) AS position, doc FROM documents WHERE collection = 'models' ORDER BY documents.position",
  );
  assert.deepEqual(
    models.map(({ position, doc }) => [position, JSON.parse(doc as string).latestVersion]),
    [
      ["1", 0],
      ["2", 1],
      ["3", 1],
      ["4", 2],
      ["5", 3],
      ["6", 4],
    ],
  );
  const versions = await rows(
    "SELECT id FROM documents WHERE collection = 'modelVersions' ORDER BY documents.position",
  );
  assert.deepEqual(
    versions.map(({ id }) => id),
    ["delays/1", "delays/1", "delays/2", "delays/3", "delays/4"],
  );
});

test("the history of a stream that is not in memory is folded from its events", async (t) => {
  const stores = storesOf(t);
  await record(stores.eventStore, ...modelFacts("flights", "delays"), version(2));
  const events = await Array.fromAsync(stores.eventStore.readAll());
  const whole = await documentHistory(stores.eventStore).rows(events);
  for (let cut = 0; cut <= events.length; cut++) {
    const rest = await documentHistory(stores.eventStore).rows(events.slice(cut));
    assert.deepEqual(rest, whole.slice(whole.length - rest.length));
  }
});

test("documents are read as they were at a moment", async (t) => {
  const stores = storesOf(t);
  const position = await record(stores.eventStore, ...modelFacts("flights", "delays"), version(2), version(3));
  await runTo(runDocumentHistory, stores, position);
  const reader = documentReader({ onlineStore: stores.onlineStore, asOf: documentsAsOf(warehouse) });
  stores.release(() => reader.close());
  const then = { asOf: Date.UTC(2001, 5, 1) + 2 };
  assert.equal((await reader.get("models", "flights", "delays", then))?.latestVersion, 2);
  assert.equal((await reader.get("models", "flights", "delays", { asOf: then.asOf + 1 }))?.latestVersion, 3);
  assert.equal(await reader.get("models", "flights", "delays", { asOf: 0 }), null);
  const { items } = await reader.list("modelVersions", "flights", { first: 10, ...then });
  assert.deepEqual(
    items.map(({ node }) => node.id),
    ["delays/1", "delays/2"],
  );
});

test("audit says who did what, when and why", async (t) => {
  const stores = storesOf(t);
  const position = await record(stores.eventStore, version(1));
  await runTo(runAudit, stores, position);
  const [row] = await rows("SELECT *, toUnixTimestamp64Milli(at) AS ms FROM audit");
  assert.equal(row.ms, Date.UTC(2001, 5, 1) + 1);
  assert.equal(row.project, "flights");
  assert.equal(row.stream, "model-flights/delays");
  assert.equal(row.type, "ModelVersionCreated");
  assert.equal(row.actor, "ada");
  assert.equal(row.correlation, "correlation");
  assert.equal(JSON.parse(row.data as string).version, 1);
});

test("a warehouse that fails, before or after it wrote, gets every row once", async (t) => {
  const stores = storesOf(t);
  const facts = Array.from({ length: 20 }, (_, i) => version(i + 1));
  const position = await record(stores.eventStore, ...facts);
  let inserts = 0;
  const failing = new Proxy(warehouse.client, {
    get(client, property) {
      if (property !== "insert") return Reflect.get(client, property).bind(client);
      return async (...request: Parameters<typeof client.insert>) => {
        inserts++;
        if (inserts % 3 === 1) throw new Error("connection refused");
        const answer = await client.insert(...request);
        if (inserts % 3 === 2) throw new Error("connection lost after the rows were written");
        return answer;
      };
    },
  });
  const retries: string[] = [];
  const onRetry: EventTableOptions["onRetry"] = (error) => retries.push(error.message);
  await runTo(runAudit, stores, position, {
    warehouse: { ...warehouse, client: failing },
    maxEvents: 7,
    onRetry,
    retryMs: 5,
  });
  assert.ok(retries.length >= 2);
  const [{ n, positions }] = await rows("SELECT count() AS n, uniqExact(position) AS positions FROM audit");
  assert.deepEqual([n, positions], [20, 20]);
});

test("an audit without digests, of an earlier release, is filled again from the event store", async (t) => {
  const { client } = warehouse;
  const stores = storesOf(t);
  const position = await record(stores.eventStore, version(1), version(2));
  await client.command({ query: "ALTER TABLE audit DROP COLUMN hash, DROP COLUMN id, DROP COLUMN schema_version" });
  await client.command({ query: "DELETE FROM schema_versions WHERE version > 1" });
  await client.insert({ table: "audit", values: [{ project: "flights", position: 1 }], format: "JSONEachRow" });
  await ensureTables(warehouse);
  await ensureTables(warehouse);
  await runTo(runAudit, stores, position);
  const found = await rows("SELECT toString(audit.position) AS position, length(hash) AS digits FROM audit ORDER BY 1");
  assert.deepEqual(found, [
    { position: "1", digits: 64 },
    { position: "2", digits: 64 },
  ]);
});
