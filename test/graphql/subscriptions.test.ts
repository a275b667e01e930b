import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import type { OutputRecord } from "../../infra/broker/port.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { driftSchema, predictionSchema, topicOf } from "../../schemas/topics.ts";
import { finding, training } from "../commands/samples.ts";
import { type TestServer, testServer } from "./platform.ts";
import { deployPayment, openShop } from "./shop.ts";
import { listen, socket } from "./socket.ts";

const TOPIC = topicOf.predictions("shop", "payment");

const prediction = (
  offset: number,
  changes: { entity?: string; version?: number; output?: number } = {},
): OutputRecord => {
  const entity = changes.entity ?? `c${offset % 10}`;
  const value = {
    id: `payment-0-${offset}`,
    endpoint: "payment",
    revision: 0,
    model: "payer",
    version: 1,
    variant: "champion",
    share: 1,
    entity,
    key: `o${offset}`,
    eventTime: offset,
    topic: "orders",
    partition: 0,
    offset,
    positions: [offset + 1],
    lookups: [],
    features: [offset, Number.NaN],
    output: 0.5,
    servedAt: Date.now(),
    latencyMs: 1,
    runtime: "test",
    ...changes,
  };
  return { key: entity, value: frame(1, avroType(predictionSchema), value), timestamp: offset, partition: 0 };
};

const predicting = async (...[t, options]: Parameters<typeof testServer>): Promise<TestServer> => {
  const server = await testServer(t, options);
  await openShop(server);
  await deployPayment(server);
  await server.deps.broker.ensureTopic(TOPIC, { partitions: 2, cleanup: "delete" });
  return server;
};

type Live = {
  prediction: {
    id: string;
    entity: string;
    features: (number | null)[];
    inputs: { name: string; value: number }[];
    output: number | null;
    outputKind: string;
  };
  skipped: number;
};

const LIVE = `subscription ($entity: String, $version: Int, $rate: Float) {
  predictions(project: "shop", endpoint: "payment", entity: $entity, version: $version, sampleRate: $rate) {
    skipped prediction { id entity features inputs { name value } output outputKind eventTime outcome }
  }
}`;

/** Asks again and again, with a breath between, until the condition holds; the runner's time limit ends the wait. */
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await delay(10);
};

/** Produces until the subscription, which starts at the topic's end, has seen the first record. */
const warmUp = async (
  server: TestServer,
  subscription: { received: unknown[] },
  record: OutputRecord,
): Promise<void> => {
  await until(async () => {
    await server.deps.broker.produce(TOPIC, [record]);
    return subscription.received.length > 0;
  });
};

test("a prediction reaches its subscriber, with named inputs, soon after it was made", async (t) => {
  const server = await predicting(t);
  const live = listen<Live>(socket(t, server), LIVE);
  await warmUp(server, live, prediction(1));
  const before = live.received.length;
  await server.deps.broker.produce(TOPIC, [prediction(12345)]);
  await until(() => live.received.at(-1)?.prediction.id === "payment-0-12345");
  assert.ok(live.received.length > before);
  const { prediction: seen } = live.received.at(-1) as Live;
  assert.deepEqual(seen.features, [12345, null]);
  assert.deepEqual(seen.inputs, [
    { name: "amount", value: 12345 },
    { name: "twice", value: null },
  ]);
});

test("a score that JSON cannot hold reaches its subscriber as null, with what it is", async (t) => {
  const server = await predicting(t);
  const live = listen<Live>(socket(t, server), LIVE);
  await warmUp(server, live, prediction(1));
  const scores = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2];
  await server.deps.broker.produce(
    TOPIC,
    scores.map((output, i) => prediction(100 + i, { output })),
  );
  await until(() => live.received.at(-1)?.prediction.id === "payment-0-103");
  assert.deepEqual(
    live.received.slice(-4).map(({ prediction: { output, outputKind } }) => [output, outputKind]),
    [
      [null, "NAN"],
      [null, "POSITIVE_INFINITY"],
      [null, "NEGATIVE_INFINITY"],
      [2, "FINITE"],
    ],
  );
});

test("an entity's predictions, and a version's, come without those of others", async (t) => {
  const server = await predicting(t);
  const client = socket(t, server);
  const ofEntity = listen<Live>(client, LIVE, { entity: "wanted" });
  const ofVersion = listen<Live>(client, LIVE, { version: 2 });
  await warmUp(server, ofEntity, prediction(1, { entity: "wanted" }));
  await warmUp(server, ofVersion, prediction(2, { version: 2 }));
  const others = Array.from({ length: 500 }, (_, i) => prediction(100 + i));
  await server.deps.broker.produce(TOPIC, [...others, prediction(1000, { entity: "wanted", version: 2 })]);
  await until(() => [ofEntity, ofVersion].every((live) => live.received.at(-1)?.prediction.id === "payment-0-1000"));
  assert.ok(ofEntity.received.every((live) => live.prediction.entity === "wanted"));
  const ids = new Set(ofVersion.received.map((live) => live.prediction.id));
  assert.deepEqual([...ids], ["payment-0-2", "payment-0-1000"]);
});

test("a flood is thinned out: the newest arrive, what was passed over is counted", async (t) => {
  const server = await predicting(t);
  const live = listen<Live>(socket(t, server), LIVE);
  await warmUp(server, live, prediction(0));
  const start = (await server.deps.broker.watermarks(TOPIC))[0].high;
  const seenBefore = live.received.length;
  const flood = Array.from({ length: 20_000 }, (_, i) => prediction(10_000 + i));
  await server.deps.broker.produce(TOPIC, flood);
  await until(() => live.received.at(-1)?.prediction.id === "payment-0-29999");
  const end = (await server.deps.broker.watermarks(TOPIC))[0].high;
  const arrived = live.received.slice(seenBefore);
  const told = arrived.reduce((sum, { skipped }) => sum + skipped + 1, 0);
  assert.ok(arrived.length < 5000, `${arrived.length} arrived`);
  assert.ok(told >= end - start, `${told} of ${end - start} were told`);
});

test("a sample is a share of everything, the same for every subscriber", async (t) => {
  const server = await predicting(t);
  const client = socket(t, server);
  const [one, two] = [listen<Live>(client, LIVE, { rate: 0.1 }), listen<Live>(client, LIVE, { rate: 0.1 })];
  for (const live of [one, two]) {
    await until(async () => {
      await server.deps.broker.produce(
        TOPIC,
        Array.from({ length: 50 }, (_, i) => prediction(i)),
      );
      return live.received.length > 0;
    });
  }
  await server.deps.broker.produce(
    TOPIC,
    Array.from({ length: 3000 }, (_, i) => prediction(50_000 + i)),
  );
  const marked = (live: typeof one) =>
    live.received.map((item) => item.prediction.id).filter((id) => Number(id.slice(10)) >= 50_000);
  await until(() => marked(one).length > 200 && marked(one).length === marked(two).length);
  assert.deepEqual(marked(one), marked(two));
});

test("lifecycle events of the project, all or by type", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const client = socket(t, server);
  type Event = { type: string; slug: string; actor: string; data: { description: string } };
  const query = `subscription ($types: [String!]) {
    lifecycleEvents(project: "shop", types: $types) { type aggregate slug actor at data }
  }`;
  const all = listen<Event>(client, query);
  const registered = listen<Event>(client, query, { types: ["ModelRegistered"] });
  const register = (id: string) =>
    server.data('mutation ($id: String!) { registerModel(project: "shop", input: { id: $id }) { position } }', { id });
  let i = 0;
  await until(async () => {
    await register(`m${i++}`);
    return all.received.length > 0 && registered.received.length > 0;
  });
  await server.data('mutation { archiveModel(project: "shop", input: { model: "m0" }) { position } }');
  await register("last");
  await until(() => [all, registered].every(({ received }) => received.at(-1)?.slug === "last"));
  assert.ok(all.received.some(({ type }) => type === "ModelArchived"));
  assert.ok(registered.received.every(({ type }) => type === "ModelRegistered"));
  assert.equal(all.received.at(-1)?.actor, "local-admin");
});

test("alerts arrive as documents in their newest state", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  type Alert = { slug: string; status: string };
  const live = listen<Alert>(socket(t, server), 'subscription { alerts(project: "shop") { slug status message } }');
  const raise = 'mutation ($input: RaiseAlertInput!) { raiseAlert(project: "shop", input: $input) { position } }';
  let i = 0;
  await until(async () => {
    await server.data(raise, { input: { id: `a${i++}`, definition: finding } });
    return live.received.length > 0;
  });
  await server.data('mutation { acknowledgeAlert(project: "shop", input: { id: "a0" }) { position } }');
  await until(() => live.received.some(({ slug, status }) => slug === "a0" && status === "acknowledged"));
});

test("a training job is followed while it moves on", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  await server.data('mutation { registerModel(project: "shop", input: { id: "payer" }) { position } }');
  const submit =
    'mutation ($spec: TrainingSpecInput!) { submitTrainingJob(project: "shop", input: { id: "j", spec: $spec }) { trainingJob { status } } }';
  const spec = {
    ...training,
    columns: [{ name: "amount", from: "event.amount" }],
    label: { ...training.label, source: "orders" },
  };
  await server.data(submit, { spec });
  await server.data(
    'mutation { startTrainingJob(project: "shop", input: { id: "j", worker: "w", attempt: 1 }) { position } }',
  );
  type Job = { status: string; progress: { done: number } };
  const live = listen<Job>(
    socket(t, server),
    'subscription { trainingProgress(project: "shop", job: "j") { status progress { phase done total } } }',
  );
  let done = 0;
  await until(async () => {
    await server.data(
      'mutation ($done: Long!) { reportTrainingProgress(project: "shop", input: { id: "j", phase: "trees", done: $done, total: 1000 }) { position } }',
      { done: ++done },
    );
    return live.received.length > 0;
  });
  assert.equal(live.received[0].status, "running");
  assert.ok(live.received[0].progress.done > 0);
});

test("what the monitors find, of one endpoint or of all", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const topic = topicOf.drift("shop");
  const found = (endpoint: string): OutputRecord => {
    const { deployment: _, message: __, ...rest } = finding;
    const value = frame(1, avroType(driftSchema), { ...rest, endpoint, drifted: true });
    return { key: endpoint, value, timestamp: 1 };
  };
  type Drift = { endpoint: string; value: number };
  const live = listen<Drift>(
    socket(t, server),
    'subscription { drift(project: "shop", endpoint: "payment") { endpoint value from drifted } }',
  );
  await server.deps.broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
  await until(async () => {
    await server.deps.broker.produce(topic, [found("other"), found("payment")]);
    return live.received.length > 0;
  });
  assert.ok(live.received.every(({ endpoint }) => endpoint === "payment"));
  assert.equal(live.received[0].value, finding.value);
});

test("subscriptions that are refused say why", async (t) => {
  const server = await predicting(t);
  const refusalOf = async (query: string, params?: Record<string, string>) => {
    const reason = await listen(socket(t, server, params), query).ended;
    return (reason as { extensions?: { code?: string } }[])[0].extensions?.code;
  };
  const alerts = 'subscription { alerts(project: "shop") { slug } }';
  assert.equal(await refusalOf(alerts, { authorization: "Bearer ann" }), "FORBIDDEN");
  assert.equal(await refusalOf(alerts, { authorization: "nonsense" }), "UNAUTHENTICATED");
  assert.equal(await refusalOf("subscription { nothing }"), "BAD_REQUEST");
  assert.equal(
    await refusalOf('subscription { predictions(project: "shop", endpoint: "none") { skipped } }'),
    "NOT_FOUND",
  );
  assert.equal(
    await refusalOf('subscription { predictions(project: "shop", endpoint: "payment", sampleRate: 2) { skipped } }'),
    "BAD_REQUEST",
  );
});

test("a page of another site may not open a socket", async (t) => {
  const server = await testServer(t);
  const url = `${server.url.replace(/^http/, "ws")}/graphql`;
  const foreign = new WebSocket(url, "graphql-transport-ws", { origin: "https://evil.example" });
  const [error] = await once(foreign, "error");
  assert.match((error as Error).message, /403/);
  const own = new WebSocket(url, "graphql-transport-ws", { origin: server.url });
  await once(own, "open");
  own.close();
});

test("closing the server ends its subscriptions", async (t) => {
  const server = await predicting(t);
  const live = listen<Live>(socket(t, server), LIVE);
  await warmUp(server, live, prediction(1));
  await server.close();
  assert.notEqual(await live.ended, undefined);
});
