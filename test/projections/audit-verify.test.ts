import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, beforeEach, test } from "node:test";
import { runAudit } from "../../projections/audit.ts";
import { type ChainedRecord, chainHash, genesis } from "../../projections/audit-chain.ts";
import { auditOf, auditText, exportedAudit, storedAudit } from "../../projections/audit-copies.ts";
import { type AuditVerdict, verifyAudit } from "../../projections/audit-verify.ts";
import { type Fixture, openFixture } from "./clickhouse-fixture.ts";
import { modelFacts, modelVersion } from "./facts.ts";
import { until } from "./snapshot.ts";
import { record, type Stores, storesOf } from "./stores.ts";

let fixture: Fixture;

before(async () => {
  fixture = await openFixture();
});
after(() => fixture.close());
beforeEach(() => fixture.warehouse.client.command({ query: "TRUNCATE TABLE audit" }));

const runTo = async ({ eventStore }: Stores, position: string, maxEvents = 100): Promise<void> => {
  const stopping = new AbortController();
  let at = "0";
  const onPosition = (reached: string): void => {
    at = reached;
  };
  const { warehouse } = fixture;
  const done = runAudit({ eventStore, warehouse, signal: stopping.signal, lingerMs: 1, maxEvents, onPosition });
  try {
    await Promise.race([until(() => at === position), done]);
  } finally {
    stopping.abort();
    await done;
  }
};

/** Two projects whose events alternate; positions 1 to 6. */
const recorded = async (t: Parameters<typeof storesOf>[0]): Promise<Stores> => {
  const stores = storesOf(t);
  const [flights, shop] = [modelFacts("flights", "delays"), modelFacts("shop", "payers")];
  const position = await record(stores.eventStore, ...flights.flatMap((fact, i) => [fact, shop[i]]));
  await runTo(stores, position);
  return stores;
};

const tamper = ({ path }: Stores, sql: string): void => {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
};

const verify = ({ eventStore }: Stores): Promise<AuditVerdict> =>
  verifyAudit(eventStore.readAll({ verbatim: true }), storedAudit(fixture.warehouse));

const findings = ({ findings }: AuditVerdict): [kind: string, stream: string, revision: number, position: string][] =>
  findings.map(({ kind, record }) => [kind, record.stream, record.revision, record.position]);

test("what is as it was recorded verifies, over restarts of the projection at any point", async (t) => {
  const stores = await recorded(t);
  const facts = [4, 5, 6].map((n) => ({
    ...modelFacts("flights", "delays")[1],
    event: { type: "ModelVersionCreated" as const, data: modelVersion(n) },
  }));
  for (const fact of facts) await runTo(stores, await record(stores.eventStore, fact), 1);
  const verdict = await verify(stores);
  assert.deepEqual(findings(verdict), []);
  assert.equal(verdict.events, 9);
  assert.equal(verdict.newer, 0);
  const rows = await Array.fromAsync(storedAudit(fixture.warehouse, "flights"));
  assert.equal(rows[0].hash, chainHash(genesis, rows[0]));
  assert.deepEqual(verdict.heads.get("flights"), { position: "9", hash: rows.at(-1)?.hash });
});

test("a changed event is named, and none other", async (t) => {
  const stores = await recorded(t);
  const fields: string[] = [
    "data = json_set(data, '$.metrics.auc', 0.99)",
    "metadata = json_set(metadata, '$.actor', 'eve')",
    "metadata = json_set(metadata, '$.at', 1)",
    "metadata = json_set(metadata, '$.reason', 'because')",
    "type = 'ModelVersionApproved'",
    "id = 'another'",
  ];
  for (const field of fields) {
    tamper(stores, "CREATE TABLE kept AS SELECT * FROM events WHERE position = 3");
    tamper(stores, `UPDATE events SET ${field} WHERE position = 3`);
    assert.deepEqual(findings(await verify(stores)), [["event-changed", "model-flights/delays", 1, "3"]], field);
    tamper(stores, "DELETE FROM events WHERE position = 3; INSERT INTO events SELECT * FROM kept; DROP TABLE kept");
    assert.deepEqual(findings(await verify(stores)), []);
  }
});

test("an event that cannot be read any more is named", async (t) => {
  const stores = await recorded(t);
  tamper(stores, "UPDATE events SET data = '{\"version\":' WHERE position = 4");
  assert.deepEqual(findings(await verify(stores)), [["event-deleted", "model-shop/payers", 1, "4"]]);
  const [fault] = await Array.fromAsync(stores.eventStore.examine());
  assert.match(fault.message, /model-shop\/payers cannot be read from revision 1 on \(position 4\): .* not JSON/);
});

test("a deleted event is named: the first, one in the middle, the newest", async (t) => {
  for (const [position, stream, revision] of [
    ["1", "model-flights/delays", 0],
    ["4", "model-shop/payers", 1],
    ["6", "model-shop/payers", 2],
  ] as const) {
    await fixture.warehouse.client.command({ query: "TRUNCATE TABLE audit" });
    const stores = await recorded(t);
    tamper(stores, `DELETE FROM events WHERE position = ${position}`);
    assert.deepEqual(findings(await verify(stores)), [["event-deleted", stream, revision, position]]);
  }
});

test("an event that is inserted among older ones is named", async (t) => {
  const stores = await recorded(t);
  tamper(stores, "UPDATE events SET position = position * 10");
  await fixture.warehouse.client.command({ query: "TRUNCATE TABLE audit" });
  await runTo(stores, "60");
  tamper(
    stores,
    "INSERT INTO events SELECT 35, stream, 7, 'forged', type, data, metadata, at FROM events WHERE position = 30",
  );
  assert.deepEqual(findings(await verify(stores)), [["event-inserted", "model-flights/delays", 7, "35"]]);
});

test("a copy that was touched is told from an event that was", async (t) => {
  const { client } = fixture.warehouse;
  const stores = await recorded(t);
  const change = "SETTINGS mutations_sync = 2";
  await client.command({ query: `ALTER TABLE audit UPDATE actor = 'eve' WHERE position = 3 ${change}` });
  assert.deepEqual(findings(await verify(stores)), [["record-changed", "model-flights/delays", 1, "3"]]);
  await client.command({ query: `ALTER TABLE audit UPDATE actor = 'ada' WHERE position = 3 ${change}` });
  await client.command({ query: `ALTER TABLE audit UPDATE hash = '${"f".repeat(64)}' WHERE position = 3 ${change}` });
  assert.deepEqual(findings(await verify(stores)), [["record-changed", "model-flights/delays", 1, "3"]]);
  await client.command({ query: `ALTER TABLE audit DELETE WHERE position = 3 ${change}` });
  assert.deepEqual(findings(await verify(stores)), [["record-missing", "model-flights/delays", 1, "3"]]);
});

const folder = (t: { after(step: () => void): void }): string => {
  const path = mkdtempSync(join(tmpdir(), "millrace-audit-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
};

const exported = async ({ eventStore }: Stores, file: string, from?: number): Promise<void> => {
  const texts = await Array.fromAsync(auditText(auditOf(eventStore.readAll(), { from }), "jsonl"));
  writeFileSync(file, texts.join(""));
};

test("an exported file is a witness: against it, a history that both stores agree on is found out", async (t) => {
  const stores = await recorded(t);
  const file = join(folder(t), "audit.jsonl");
  await exported(stores, file);
  tamper(stores, "UPDATE events SET metadata = json_set(metadata, '$.actor', 'eve') WHERE position = 5");
  await fixture.warehouse.client.command({ query: "TRUNCATE TABLE audit" });
  await runTo(stores, "6");
  assert.deepEqual(findings(await verify(stores)), []);
  const verdict = await verifyAudit(stores.eventStore.readAll(), exportedAudit(file));
  assert.deepEqual(findings(verdict), [["event-changed", "model-flights/delays", 2, "5"]]);
});

test("a part of the chain vouches for what came before it, a digest for all up to it", async (t) => {
  const stores = storesOf(t);
  const facts = modelFacts("flights", "delays").map((fact, i) => ({ ...fact, at: i }));
  await record(stores.eventStore, ...facts);
  const file = join(folder(t), "audit.jsonl");
  await exported(stores, file, 2);
  const [part] = await Array.fromAsync(exportedAudit(file));
  assert.equal(part.position, "3");
  const events = () => stores.eventStore.readAll();
  const before = await verifyAudit(events(), exportedAudit(file), [part.hash]);
  assert.deepEqual([before.findings, before.unknownDigests], [[], []]);
  tamper(stores, 'UPDATE events SET data = \'{"description":"forged"}\' WHERE position = 1');
  const afterwards = await verifyAudit(events(), exportedAudit(file), [part.hash]);
  assert.deepEqual(findings(afterwards), [["chain-cut", "model-flights/delays", 2, "3"]]);
  assert.deepEqual(afterwards.unknownDigests, [part.hash]);
});

test("CSV quotes what has to be quoted; a line that is no record is named", async (t) => {
  const one: ChainedRecord = {
    ...(await Array.fromAsync(auditOf((await recorded(t)).eventStore.readAll())))[0],
    reason: 'said "go",\nand went',
  };
  const csv = (
    await Array.fromAsync(
      auditText(
        (async function* () {
          yield one;
        })(),
        "csv",
      ),
    )
  ).join("");
  assert.match(csv, /^position,project,stream,revision,/);
  assert.ok(csv.includes(',"said ""go"",\nand went",'), csv);
  const file = join(folder(t), "audit.jsonl");
  writeFileSync(file, `${JSON.stringify(one)}\nnonsense\n`);
  await assert.rejects(Array.fromAsync(exportedAudit(file)), { code: "BAD_REQUEST", message: /line 2/ });
  await assert.rejects(Array.fromAsync(exportedAudit(`${file}.none`)), { code: "NOT_FOUND" });
});
