import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { commandBus } from "../../commands/bus.ts";
import { gate, localAdmin } from "../../commands/gate.ts";
import type { CommandType, PayloadInput } from "../../commands/payloads.ts";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import { openBroker } from "../../infra/broker/open.ts";
import { partitionOf } from "../../infra/broker/port.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { inspectModel } from "../../ml/onnx/inspect.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { encodeJournal } from "../../schemas/journal.ts";
import type { TrainingSpec } from "../../schemas/lifecycle/training-job.ts";
import { applicationOf, topicOf } from "../../schemas/topics.ts";
import type { JobEngines } from "../../training/runner.ts";
import { noChecks } from "../commands/platform.ts";

export const START = Date.UTC(2001, 0, 1);
export const HOUR = 3_600_000;
export const PARTITIONS = 2;
export const project = "air";
export const application = applicationOf(project, { key: "origin", partitions: PARTITIONS });

const field = (name: string, type: unknown) => ({ name, type });
const flight = [
  field("flight", "string"),
  field("origin", "string"),
  field("destination", "string"),
  field("at", "long"),
];
export const schemas = {
  departures: JSON.stringify({ type: "record", name: "Departure", fields: [...flight, field("distance", "int")] }),
  arrivals: JSON.stringify({ type: "record", name: "Arrival", fields: [...flight, field("delay", "double")] }),
};

export type FlightEvent = {
  topic: "departures" | "arrivals";
  flight: string;
  origin: string;
  destination: string;
  at: number;
  distance?: number;
  delay?: number;
};

export const view = {
  entity: { name: "airport", key: ["origin"] },
  features: [
    { name: "mean3h", source: "arrivals", function: "mean" as const, value: "event.delay", windowMs: 3 * HOUR },
    { name: "count24h", source: "arrivals", function: "count" as const, windowMs: 24 * HOUR },
  ],
  allowedLatenessMs: HOUR,
  ttlMs: null,
};

export const spec: TrainingSpec = {
  model: "delays",
  task: "binary",
  trigger: "departures",
  columns: [
    { name: "distance", from: "event.distance" },
    { name: "hour", from: "hour(time)" },
    { name: "mean3h", from: "airport:mean3h" },
    { name: "count24h", from: "airport:count24h" },
  ],
  label: { source: "arrivals", key: ["flight"], value: "event.delay > 15.0", horizonMs: 12 * HOUR },
  from: START,
  to: START + 1000 * HOUR,
  algorithm: "gradient-boosting",
  parameters: {
    trees: 20,
    learningRate: 0.2,
    maxLeaves: 8,
    maxDepth: 4,
    minLeafRows: 5,
    l2: 1,
    bins: 63,
    validationShare: 0.25,
    earlyStoppingRounds: 0,
    seed: 1,
  },
};

/** The embedded engines in a directory that is gone after the test, with two sources and a view of the airport. */
export const history = async (t: TestContext) => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-training-"));
  const file = `sqlite:${join(directory, "millrace.db")}`;
  const engines: JobEngines = {
    eventStore: file,
    broker: file,
    artifacts: `file:${join(directory, "artifacts")}`,
    schemaRegistry: "embedded:",
  };
  const eventStore = await openEventStore(engines.eventStore);
  const broker = await openBroker(engines.broker);
  const artifacts = await openArtifacts(engines.artifacts);
  const registry = await openSchemaRegistry(engines.schemaRegistry, eventStore);
  const members = gate(eventStore);
  const users: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const end of users) await end();
    await members.close();
    await Promise.all([registry.close(), artifacts.close(), broker.close()]);
    await eventStore.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const bus = commandBus({
    eventStore,
    gate: members,
    clock: () => START,
    checks: {
      ...noChecks,
      registerSchema: async (_project, topic, schema) => (await registry.register(`${topic}-value`, schema)).id,
      inspectModel: async (artifact, choice) => inspectModel(await artifacts.read(artifact), choice),
    },
  });
  const send = <Type extends CommandType>(type: Type, payload: PayloadInput<Type>) =>
    bus.dispatch({ type, payload, project, actor: localAdmin });

  await send("CreateProject", { id: project, name: "Air" });
  for (const [topic, schema] of Object.entries(schemas)) {
    await send("CreateEventSource", {
      id: topic,
      topic,
      schema,
      key: "origin",
      timestamp: "at",
      partitions: PARTITIONS,
    });
    await broker.ensureTopic(topic, { partitions: PARTITIONS, cleanup: "delete" });
  }
  await send("CreateFeatureView", { id: "airport", definition: view });
  await send("RegisterModel", { id: "delays", description: "Late or not" });
  await broker.ensureTopic(topicOf.journal(application), { partitions: PARTITIONS, cleanup: "delete" });

  /** Lets the streams take events, in this order: produces them, and journals and commits what was taken. */
  const take = async (events: readonly FlightEvent[]): Promise<void> => {
    const topics = ["arrivals", "departures"] as const;
    const runs: number[][] = Array.from({ length: PARTITIONS }, () => []);
    const first = Array.from({ length: PARTITIONS }, () => [-1, -1]);
    const next = Array.from({ length: PARTITIONS }, () => [0, 0]);
    for (const event of events) {
      const { topic, ...value } = event;
      const id = (await registry.latest(`${topic}-value`))?.id as number;
      const partition = partitionOf(Buffer.from(event.origin), PARTITIONS);
      const record = { key: event.origin, value: frame(id, avroType(schemas[topic]), value), timestamp: event.at };
      const [{ offset }] = await broker.produce(topic, [record]);
      const input = topics.indexOf(topic);
      if (first[partition][input] < 0) first[partition][input] = offset;
      next[partition][input] = offset + 1;
      runs[partition].push(input, 1);
    }
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if (runs[partition].length === 0) continue;
      const inputs = topics.map((topic, input) => ({ topic, offset: Math.max(0, first[partition][input]) }));
      const transaction = broker.transaction();
      const entry = encodeJournal({ inputs, runs: runs[partition] });
      transaction.add(topicOf.journal(application), partition, null, entry, START);
      transaction.offsets(
        application,
        topics.map((topic, input) => ({ topic, partition, offset: next[partition][input] })),
      );
      await transaction.commit();
    }
  };

  /** To be ended before the engines are closed. */
  const keep = (end: () => Promise<void>): void => {
    users.push(end);
  };

  return { keep, engines, eventStore, broker, artifacts, registry, bus, send, take };
};

/** Flights of two airports, one of which is often late; each lands two hours after it has left. */
export const flights = (count: number): FlightEvent[] => {
  const events: FlightEvent[] = [];
  for (let i = 0; i < count; i++) {
    const origin = i % 2 === 0 ? "SFO" : "JFK";
    const at = START + i * 600_000;
    const common = { flight: `F${i}`, origin, destination: "ORD" };
    const delay = origin === "SFO" ? (i * 7) % 15 : 10 + ((i * 11) % 40);
    events.push({ topic: "departures", ...common, at, distance: 300 + (i % 50) });
    events.push({ topic: "arrivals", ...common, at: at + 2 * HOUR + delay * 60_000, delay });
  }
  return events.sort((a, b) => a.at - b.at || (a.topic < b.topic ? -1 : 1));
};
