import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { Kafka, logLevel, type Producer } from "kafkajs";
import { setUp } from "../e2e/flights.ts";
import { millrace, root, startPlatform, temporaryFolder, untilCount } from "../e2e/platform.ts";

const { KAFKA_URL, KAFKA_SASL_URL, REDIS_URL, S3_URL } = process.env;
const needs = (name: string, url: string | undefined) => ({ skip: url === undefined ? `needs ${name}` : false });
/** Of each departure one answer, and the shadow's. */
const answers = 2;

const producerOf = async (t: TestContext, url: string): Promise<Producer> => {
  const kafka = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING, retry: { retries: 30 } });
  const producer = kafka.producer({ idempotent: true, retry: { retries: 30, maxRetryTime: 2_000 } });
  await producer.connect();
  t.after(() => producer.disconnect());
  return producer;
};

const departures = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    key: "ATL",
    value: JSON.stringify({
      flight: `f${from + i}`,
      origin: "ATL",
      destination: "BOS",
      scheduled: Date.UTC(2001, 2, 1) + (from + i) * 1_000,
      distance: 946,
    }),
  }));

/** A Kafka of this test's own, that it may kill. */
const ownKafka = async (t: TestContext) => {
  const home = temporaryFolder(t, "own-kafka");
  const run = promisify(execFile);
  const ask = async (...args: string[]): Promise<{ pid: number; url: string }> => {
    const { stdout } = await run(
      process.execPath,
      [join(root, "infra/native/engines.ts"), ...args, "kafka", "--json"],
      {
        env: { ...process.env, ENGINES_HOME: home },
        encoding: "utf8",
      },
    );
    const { engines: found, variables } = JSON.parse(stdout) as {
      engines: { pid: number }[];
      variables: { KAFKA_URL: string };
    };
    return { pid: found[0].pid, url: variables.KAFKA_URL };
  };
  t.after(() => ask("down").catch(() => {}));
  let running = await ask("up");
  return {
    url: running.url,
    kill: () => process.kill(running.pid, "SIGKILL"),
    startAgain: async () => {
      running = await ask("up");
    },
  };
};

test(
  "Kafka killed in the middle: the platform waits and goes on, nothing is lost or doubled",
  needs("KAFKA_URL", KAFKA_URL),
  async (t) => {
    const kafka = await ownKafka(t);
    const platform = await startPlatform(t, temporaryFolder(t, "kafka-down"), { BROKER: kafka.url });
    await setUp(platform.client);
    const producer = await producerOf(t, kafka.url);
    await producer.send({ topic: "departures", messages: departures(0, 500) });
    await untilCount(platform, "SELECT count() AS n FROM predictions", 500 * answers);
    kafka.kill();
    const health = await fetch(`${platform.url}/health/ready`);
    assert.equal(health.status, 503, "it says that it is not ready while the broker is away");
    const sending = producer.send({ topic: "departures", messages: departures(500, 500) });
    await kafka.startAgain();
    await sending;
    await untilCount(platform, "SELECT count() AS n FROM predictions", 1_000 * answers);
    const [found] = await platform.sql<{ n: number; ids: number }>(
      "SELECT count() AS n, uniqExact(id) AS ids FROM predictions",
    );
    assert.deepEqual(found, { n: 1_000 * answers, ids: 1_000 * answers });
    assert.equal((await platform.kill("SIGTERM")).code, 0, platform.output());
  },
);

test("a poison record becomes a dead letter and the stream goes on", needs("KAFKA_URL", KAFKA_URL), async (t) => {
  const prefix = `poison-${randomUUID().slice(0, 8)}.`;
  const platform = await startPlatform(t, temporaryFolder(t, "poison"), { BROKER: `${KAFKA_URL}?prefix=${prefix}` });
  await setUp(platform.client);
  const producer = await producerOf(t, KAFKA_URL as string);
  const poison = [
    { key: "ATL", value: Buffer.from([7, 7, 7]) },
    { key: "ATL", value: Buffer.from([0, 255, 255, 255, 255, 1]) },
    { key: null, value: null },
  ];
  const [first, second] = departures(0, 2);
  await producer.send({ topic: `${prefix}departures`, messages: [first, ...poison, second] });
  await untilCount(platform, "SELECT count() AS n FROM predictions", 2 * answers);
  await untilCount(platform, "SELECT count() AS n FROM dead_letters", poison.length);
  const letters = await platform.sql<{ code: string }>("SELECT code FROM dead_letters ORDER BY code");
  const codes = letters.map(({ code }) => code);
  assert.deepEqual(codes, ["INVALID_RECORD", "UNDECODABLE_RECORD", "UNKNOWN_SCHEMA"]);
});

const refusals: [string, string | undefined, (url: string) => Record<string, string>, RegExp][] = [
  ["KAFKA_SASL_URL", KAFKA_SASL_URL, (url) => ({ BROKER: url.replace(/:[^:@/]+@/, ":hush-hush@") }), /BROKER/],
  ["REDIS_URL", REDIS_URL, (url) => ({ ONLINE_STORE: url.replace("//", "//ada:hush-hush@") }), /ONLINE_STORE/],
  ["S3_URL", S3_URL, (url) => ({ ARTIFACTS: url.replace(/:[^:@/]+@/, ":hush-hush@") }), /ARTIFACTS/],
];
for (const [name, url, settings, named] of refusals) {
  test(`wrong credentials end the start at once: ${name}`, needs(name, url), async (t) => {
    const data = temporaryFolder(t, "refused");
    const { code, output } = await millrace(["start", "--data", data, "--port", "0"], settings(url as string));
    assert.equal(code, 1, output);
    assert.match(output, /ENGINE_REFUSED/);
    assert.match(output, named);
    assert.doesNotMatch(output, /hush-hush/);
  });
}

test("an engine that is not there ends the start with its name", async (t) => {
  const away: [string, string][] = [
    ["BROKER", "kafka://127.0.0.1:1"],
    ["ONLINE_STORE", "redis://127.0.0.1:1"],
    ["ARTIFACTS", "s3://KEY:hush-hush@bucket?endpoint=http://127.0.0.1:1&region=us-east-1&path-style=true"],
    ["SCHEMA_REGISTRY", "http://ada:hush-hush@127.0.0.1:1"],
  ];
  for (const [setting, url] of away) {
    const startedAt = Date.now();
    const { code, output } = await millrace(["start", "--data", temporaryFolder(t, "away"), "--port", "0"], {
      [setting]: url,
    });
    assert.equal(code, 1, output);
    assert.match(output, /ENGINE_UNAVAILABLE/);
    assert.match(output, new RegExp(setting));
    assert.doesNotMatch(output, /hush-hush/);
    assert.ok(Date.now() - startedAt < 45_000, `${setting}: it took ${Date.now() - startedAt} ms`);
  }
});
