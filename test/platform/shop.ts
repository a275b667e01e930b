import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import pino from "pino";
import { type Client, connect } from "../../examples/flights/client.ts";
import { loadSettings, type Settings } from "../../infra/config.ts";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { type Engines, openEngines } from "../../platform/engines.ts";
import { type Platform, startPlatform } from "../../platform/platform.ts";
import { columns, eventually, shopView, stump } from "../streams/world.ts";

export const silent = pino({ level: "silent" });

/** A folder that is gone after the test. */
export const temporaryFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-platform-"));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
};

/** Settings for a platform in this process on a free port, whatever the environment of the test run says. */
export const settingsFor = (data: string, environment: Record<string, string> = {}): Settings =>
  loadSettings({ data, port: "0", "log-level": "silent" }, environment);

/** A running platform, with engines and a warehouse client of the test's own beside it. */
export type Running = {
  settings: Settings;
  platform: Platform;
  client: Client;
  engines: Engines;
  warehouse: Warehouse;
  sql<Row>(query: string): Promise<Row[]>;
  count(query: string): Promise<number>;
  close(): Promise<void>;
};

export const runPlatform = async (
  t: TestContext,
  settings: Settings,
  logger: pino.Logger = silent,
): Promise<Running> => {
  const platform = await startPlatform(settings, logger);
  t.after(() => platform.close());
  const engines = await openEngines(settings);
  const warehouse = openWarehouse(platform.warehouseUrl);
  const sql = async <Row>(query: string): Promise<Row[]> =>
    (await warehouse.client.query({ query, format: "JSONEachRow" })).json<Row>();
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await warehouse.close();
    await engines.close();
    await platform.close();
  };
  t.after(close);
  return {
    settings: { ...settings, port: Number(new URL(platform.url).port) },
    platform,
    client: connect(platform.url, settings.apiToken),
    engines,
    warehouse,
    sql,
    count: async (query) => Number((await sql<{ n: number | string }>(query))[0].n),
    close,
  };
};

const project = "shop";

export const command = async (client: Client, name: string, input: unknown): Promise<void> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const [declared, passed] = name === "createProject" ? ["", ""] : ["$project: String!, ", "project: $project, "];
  const text = `mutation (${declared}$input: ${type}!) { ${name}(${passed}input: $input) { position } }`;
  await client.query(text, { project, input });
};

const schemaOf = (name: string, number: string): string =>
  JSON.stringify({
    type: "record",
    name,
    fields: [
      { name: "id", type: "string" },
      { name: "shop", type: "string" },
      { name: "at", type: "long" },
      { name: number, type: "double" },
    ],
  });

const source = { key: "shop", timestamp: "at", partitions: 2 };
const sources = [
  { ...source, id: "clicks", topic: "clicks", schema: schemaOf("Click", "price") },
  { ...source, id: "sales", topic: "sales", schema: schemaOf("Sale", "amount") },
];

/** A shop whose every click is a prediction and whose every sale is the outcome of the click of its id. */
export const openShop = async ({ client }: Pick<Running, "client">): Promise<void> => {
  await command(client, "createProject", { id: project, name: "Shop" });
  for (const each of sources) await command(client, "createEventSource", each);
  await command(client, "createFeatureView", { id: "shop", definition: shopView });
  await command(client, "registerModel", { id: "buyers" });
  const model = exportBoosting(
    stump(0, 5, -1, 1),
    columns.map(({ name }) => name),
  );
  const answer = await fetch(`${client.url}/artifacts`, {
    method: "PUT",
    headers: { ...client.headers, "content-type": "application/octet-stream" },
    body: Uint8Array.from(model),
  });
  assert.equal(answer.status, 201);
  const { digest } = (await answer.json()) as { digest: string };
  await command(client, "createModelVersion", { model: "buyers", artifact: digest });
  await command(client, "approveModelVersion", { model: "buyers", version: 1, comment: "made for the test" });
  await command(client, "createDeployment", {
    id: "buy",
    trigger: "clicks",
    columns,
    split: [{ model: "buyers", version: 1, variant: "champion", share: 1 }],
    outcome: { source: "sales", key: ["id"], value: "event.amount > 10.0", horizonMs: 86_400_000 },
  });
};

const startAt = Date.UTC(2026, 0, 5);

/** Clicks `from` to `to` and their sales, one a second over seven shops. */
export const trade = async (client: Client, from: number, to: number): Promise<void> => {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const value = (i: number): string => `"id":"c${i}","shop":"shop ${i % 7}","at":${startAt + i * 1000}`;
  await client.produce(
    "clicks",
    numbers.map((i) => `{"value":{${value(i)},"price":${i % 11}}}`),
  );
  await client.produce(
    "sales",
    numbers.map((i) => `{"value":{${value(i)},"amount":${i % 23}}}`),
  );
};

/** Waits until so many predictions and outcomes can be read. */
export const untilTraded = (running: Running, events: number): Promise<true> =>
  eventually(`${events} predictions and outcomes`, async () => {
    const made = await running.count("SELECT count() AS n FROM predictions");
    return made >= events && (await running.count("SELECT count() AS n FROM outcomes")) >= events;
  });
