import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "graphql-ws";
import pino from "pino";
import { WebSocket } from "ws";
import { deployFixture, producers, someFlights } from "../../bench/stream/fixture.ts";
import type { Client } from "../../examples/flights/client.ts";
import { columns, endpoint, project } from "../../examples/flights/definitions.ts";
import { loadSettings } from "../../infra/config.ts";
import { buildProfile, encodeProfile } from "../../ml/drift/profile.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { type Engines, openEngines } from "../../platform/engines.ts";
import { type Platform, startPlatform } from "../../platform/platform.ts";
import { eventually, stump } from "../streams/world.ts";

/** What `bench latency` measures, without the clock: who is told of a prediction can ask for it, then and there. */
const flightsStreamed = 3_000;
/** The busiest airport of the data. */
const entity = "ORD";

let data: string;
let platform: Platform;
let engines: Engines;
let client: Client;

before(async () => {
  data = mkdtempSync(join(tmpdir(), "millrace-latency-"));
  const settings = loadSettings({ data, port: "0", "log-level": "silent" }, {});
  platform = await startPlatform(settings, pino({ level: "silent" }));
  engines = await openEngines(settings);
  const names = columns.streaming.map(({ name }) => name);
  const values = Float32Array.from({ length: 100 * names.length }, (_, i) => i % 60);
  const outputs = Float32Array.from({ length: 100 }, (_, i) => i / 100);
  const profile = buildProfile({ rows: 100, columns: names, values }, outputs);
  const model = { onnx: exportBoosting(stump(0, 12, -1, 1), names), profile: encodeProfile(profile) };
  client = await deployFixture(platform.url, model);
});
after(async () => {
  await engines.close();
  await platform.close();
  rmSync(data, { recursive: true, force: true });
});

const subscription = `subscription { predictions(project: "${project}", endpoint: "${endpoint}", entity: "${entity}") {
  prediction { id key output entity }
} }`;
const byId = `query ($id: String!) { prediction(project: "${project}", id: $id) { id key output entity outcome } }`;

type Told = { id: string; key: string; output: number; entity: string };

test("a prediction that a subscriber was told of answers by its id at once, and later with its outcome", async () => {
  const flights = await someFlights(flightsStreamed);
  const idOf = async (topic: string): Promise<number> => (await engines.registry.latest(`${topic}-value`))?.id ?? 0;
  const ids = { departures: await idOf("departures"), arrivals: await idOf("arrivals") };
  const produce = await producers(engines.broker, ids);
  const all = Array.from({ length: flights.count }, (_, i) => i);
  const ofEntity = all.filter((i) => flights.airports[flights.origin[i]] === entity);
  const last = `f${ofEntity[ofEntity.length - 1]}`;

  const socket = createClient({ url: `${platform.url.replace(/^http/, "ws")}/graphql`, webSocketImpl: WebSocket });
  const told: Told[] = [];
  const answers: Promise<{ prediction: (Told & { outcome: number | null }) | null }>[] = [];
  socket.subscribe<{ predictions: { prediction: Told } }>(
    { query: subscription },
    {
      next: ({ data: live }) => {
        const { prediction } = (live as NonNullable<typeof live>).predictions;
        told.push(prediction);
        answers.push(client.query(byId, { id: prediction.id }));
      },
      error: (error) => assert.fail(JSON.stringify(error)),
      complete: () => undefined,
    },
  );
  try {
    const due = [...all];
    await eventually("the subscription to stand", async () => {
      await produce.departures(flights, due.splice(0, 10));
      return told.length > 0 || due.length === 0;
    });
    await produce.departures(flights, due);
    await eventually("the last prediction", async () => told.some(({ key }) => key === last));
    assert.ok(told.length > ofEntity.length / 2, `${told.length} of ${ofEntity.length}`);
    for (const [i, answer] of (await Promise.all(answers)).entries()) {
      const { outcome: _, ...prediction } = answer.prediction as NonNullable<typeof answer.prediction>;
      assert.deepEqual(prediction, told[i]);
    }
    await produce.arrivals(flights, all);
    const { id } = told[told.length - 1];
    await eventually("its outcome", async () => {
      const { prediction } = await client.query<{ prediction: { outcome: number | null } }>(byId, { id });
      return prediction.outcome !== null;
    });
  } finally {
    await socket.dispose();
  }
});
