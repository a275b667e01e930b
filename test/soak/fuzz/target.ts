import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../../examples/flights/client.ts";
import { endpoint, project, views } from "../../../examples/flights/definitions.ts";
import { command } from "../../../examples/flights/setup.ts";
import { modelOf, putArtifact, setUp } from "../../e2e/flights.ts";
import { type Running, ready, type Started, spawnPlatform, until } from "../../e2e/platform.ts";
import { killTree } from "../../support/processes.ts";
import { callAt, newLedger } from "../kills/ledger.ts";
import { sqlOf, warehouseHeaders } from "../warehouse.ts";
import type { Canary } from "./canary.ts";
import type { Material } from "./door.ts";
import type { Address } from "./send.ts";

const readyWithinMs = 60_000;

/** A platform that is fuzzed. */
export type Target = {
  data: string;
  pid: number;
  address: Address;
  client: Client;
  output(): string;
  isAlive(): boolean;
  /** SIGKILL of all of it. */
  kill(): Promise<void>;
};

/** Starts a platform on this data, which is made when none is given. */
export const openTarget = async (data = mkdtempSync(join(tmpdir(), "millrace-fuzz-"))): Promise<Target> => {
  const started = spawnPlatform(data, { DATASET_MAX_BYTES: String(64 << 20) });
  const pid = started.child.pid as number;
  const kill = async (): Promise<void> => {
    killTree(pid);
    await started.ended;
  };
  process.on("exit", () => killTree(pid));
  try {
    const running = await ready(started);
    await untilReady(running, started);
    const { origin } = new URL(running.warehouse);
    return {
      data,
      pid,
      address: { platform: new URL(running.url), warehouse: new URL(origin), warehouseHeaders: warehouseHeaders(data) },
      client: running.client,
      output: started.output,
      isAlive: () => started.child.exitCode === null && started.child.signalCode === null,
      kill,
    };
  } catch (error) {
    await kill();
    throw error;
  }
};

const untilReady = async ({ url }: Running, { output }: Started): Promise<void> => {
  try {
    await until("the platform is ready", readyWithinMs, async () => (await fetch(`${url}/health/ready`)).ok);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${output().slice(-3000)}`, { cause: error });
  }
};

export const discardTarget = ({ data }: Target): void =>
  rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

const experiment = "77";

/** Declares what requests are about, and lets some records through it. */
export const materialOf = async (target: Target, canary: Canary): Promise<Material> => {
  const { client, address, data } = target;
  await setUp(client);
  await command(client, "createExperiment", { id: experiment, name: "fuzzed" });
  await command(client, "registerModel", { id: "fuzzed", description: "its versions are changed files" });
  const { createRun } = await client.query<{ createRun: { run: { slug: string } } }>(
    `mutation ($input: CreateRunInput!) { createRun(project: "${project}", input: $input) { run { slug } } }`,
    { input: { experiment, name: "fuzzed", startTime: 983_404_800_000 } },
  );
  const ledger = newLedger();
  for (let i = 0; i < 6; i++) {
    const { topic, records } = callAt(ledger, i);
    await client.produce(topic, records);
  }
  const sql = sqlOf(data, address.warehouse.href);
  await until("predictions are in the warehouse", 60_000, async () => {
    const [{ n }] = await sql<{ n: string }>("SELECT count() AS n FROM predictions");
    return Number(n) > 0;
  });
  const model = modelOf(1);
  const { eventSource } = await client.query<{ eventSource: { schemaId: number } }>(
    `{ eventSource(project: "${project}", id: "departures") { schemaId } }`,
  );
  return {
    known: knownNames(createRun.run.slug),
    canary,
    schemaIds: { departures: eventSource.schemaId },
    files: await sampleFiles(address),
    model,
    digest: await putArtifact(client, Uint8Array.from(model)),
    experiment,
    run: createRun.run.slug,
  };
};

const knownNames = (run: string): Material["known"] => ({
  id: ["delays", "fuzzed", "departures", "origin", "errors", experiment, run],
  project: [project],
  endpoint: [endpoint],
  model: ["delays", "fuzzed"],
  view: views.map(({ id }) => id),
  entity: ["SFO", "JFK"],
  entities: ["SFO", "JFK"],
  dataset: ["fuzz0", "fuzz1"],
  experiment: [experiment],
  run: [run],
  monitor: ["errors", "inputs"],
  trigger: ["departures"],
  source: ["departures", "arrivals"],
  from: ["event.distance", "origin:departures_1h", "hour(time)"],
  value: ["event.delay", "event.delay > 15 ? 1.0 : 0.0"],
  schema: ['"string"', '{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}'],
});

/** A few rows in each format, as ClickHouse writes them. */
const sampleFiles = async ({ warehouse, warehouseHeaders }: Address): Promise<Material["files"]> => {
  const query = `SELECT number AS id, concat('row ', toString(number)) AS name, number / 3 AS share,
    number % 2 = 0 AS even, toDate('2001-03-01') + number AS day FROM numbers(20)`;
  const ask = async (format: string): Promise<Buffer> => {
    const response = await fetch(warehouse, {
      method: "POST",
      headers: warehouseHeaders,
      body: `${query} FORMAT ${format}`,
    });
    if (!response.ok) throw new Error(await response.text());
    return Buffer.from(await response.arrayBuffer());
  };
  return {
    csv: await ask("CSVWithNames"),
    json: await ask("JSONEachRow"),
    parquet: await ask("Parquet"),
    avro: await ask("Avro"),
  };
};
