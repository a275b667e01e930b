import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { endpoint, project } from "../../examples/flights/definitions.ts";
import { command } from "../../examples/flights/setup.ts";
import { startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";
import { setUp } from "../e2e/flights.ts";
import { type Running, ready, spawnPlatform, temporaryFolder, until } from "../e2e/platform.ts";
import { listen } from "../graphql/socket.ts";

const { KAFKA_URL, REDIS_URL } = process.env;
const skip = KAFKA_URL === undefined || REDIS_URL === undefined ? "needs KAFKA_URL and REDIS_URL" : false;

const subscribe = <T>(t: TestContext, { url }: Running, query: string) => {
  const client = createClient({
    url: `${url.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  });
  t.after(() => client.dispose());
  return listen<T>(client, query);
};

const departure = (i: number): string =>
  JSON.stringify({
    value: {
      flight: `f${i}`,
      origin: "ATL",
      destination: "BOS",
      scheduled: Date.UTC(2001, 2, 1) + i * 1_000,
      distance: 946,
    },
  });

test("two API processes: what one is told, the other's subscribers and readers see", { skip }, async (t) => {
  const data = temporaryFolder(t, "two-apis");
  const prefix = `apis-${randomUUID().slice(0, 8)}`;
  const shared = {
    EVENT_STORE: `sqlite:${join(data, "events.db")}`,
    BROKER: `${KAFKA_URL}?prefix=${prefix}.`,
    ONLINE_STORE: `${REDIS_URL}?prefix=${prefix}:`,
    ARTIFACTS: `file:${join(data, "artifacts")}`,
  };
  const start = async (environment: Record<string, string>): Promise<Running> => {
    const process = spawnPlatform(data, { ...shared, ...environment });
    t.after(() => process.kill("SIGKILL"));
    return ready(process);
  };
  const warehouse = await startEmbeddedWarehouse({ directory: join(data, "shared-warehouse") });
  t.after(() => warehouse.close());
  const one = await start({ WAREHOUSE: warehouse.url });
  const other = await start({ ROLES: "api", WAREHOUSE: warehouse.url });
  await setUp(one.client);

  type Live = { prediction: { id: string } };
  const query = `subscription { predictions(project: "${project}", endpoint: "${endpoint}", entity: "ATL") { prediction { id } } }`;
  const predictions = subscribe<Live>(t, other, query);
  const lifecycle = subscribe<{ type: string }>(
    t,
    other,
    `subscription { lifecycleEvents(project: "${project}") { type } }`,
  );
  let sent = 0;
  await until("a prediction at the other's subscriber", 30_000, async () => {
    await one.client.produce("departures", [departure(sent++)]);
    return predictions.received.length > 0;
  });

  // A document that the other has in its cache, changed through the first.
  const described = async (): Promise<string> => {
    const document = `{ project(id: "${project}") { name } }`;
    return (await other.client.query<{ project: { name: string } }>(document)).project.name;
  };
  await described();
  await command(one.client, "renameProject", { name: "Flights, renamed" });
  await until("the other's cache is told", 5_000, async () => (await described()) === "Flights, renamed");
  await until("the other's subscriber is told", 5_000, async () =>
    lifecycle.received.some(({ type }) => type === "ProjectRenamed"),
  );

  // And the other way round: it reads its own write at once, though the first keeps the documents.
  await command(other.client, "registerModel", { id: "by-the-other" });
  const model = `{ model(project: "${project}", id: "by-the-other") { slug } }`;
  await until("the first reads what the other was told", 5_000, async () => {
    const found = await one.client.query<{ model: { slug: string } | null }>(model);
    return found.model?.slug === "by-the-other";
  });
  assert.equal((await other.kill("SIGTERM")).code, 0, other.output());
  assert.equal((await one.kill("SIGTERM")).code, 0, one.output());
});
