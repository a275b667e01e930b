import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Fastify from "fastify";
import pino from "pino";
import { Registry } from "prom-client";
import { commandBus } from "../commands/bus.ts";
import { gate, localAdmin } from "../commands/gate.ts";
import { platformChecks } from "../commands/references.ts";
import { createServer, type ServerDeps } from "../graphql/server.ts";
import { openArtifacts } from "../infra/artifacts/open.ts";
import { openBroker } from "../infra/broker/open.ts";
import { systemClock } from "../infra/clock.ts";
import { loadSettings } from "../infra/config.ts";
import { openEventStore } from "../infra/event-store/open.ts";
import { openOnlineStore } from "../infra/online-store/open.ts";
import { openSchemaRegistry } from "../infra/schema-registry/open.ts";
import { documentsProjection } from "../projections/documents/projection.ts";
import { documentReader } from "../projections/documents/reader.ts";
import { runProjection } from "../projections/runtime.ts";

export type Figures = {
  name: "graphql";
  figure: number;
  unit: string;
  ceiling: number;
  ratio: number;
  rssMb: number;
  notes: string[];
};

const DOCUMENTS = 100;
const CONNECTIONS = 16;
const ROUNDS = 4;
const COMMANDS = 500;

const LIST = `{ models(project: "bench", first: ${DOCUMENTS}) {
  edges { cursor node { id slug project description latestVersion status revision createdAt createdBy updatedAt updatedBy } }
  pageInfo { hasNextPage endCursor }
} }`;

const REGISTER = `mutation ($id: String!) {
  registerModel(project: "bench", input: { id: $id }) { position model { slug revision } }
}`;

const unused = (): never => {
  throw new Error("not part of this bench");
};

/** The API on embedded engines in a directory of its own, with a hundred models. */
const openApi = async (directory: string) => {
  const settings = { ...loadSettings({ data: directory }, {}), development: false };
  const eventStore = await openEventStore(settings.eventStore);
  const broker = await openBroker(settings.broker);
  const onlineStore = await openOnlineStore(settings.onlineStore);
  const artifacts = await openArtifacts(settings.artifacts);
  const registry = await openSchemaRegistry(settings.schemaRegistry, eventStore);
  const members = gate(eventStore);
  const documents = documentReader({ onlineStore });
  const stopping = new AbortController();
  const projection = runProjection({
    projection: documentsProjection,
    eventStore,
    onlineStore,
    signal: stopping.signal,
  });
  const learning = {
    planFeatureView: unused,
    checkColumns: unused,
    checkOutcome: unused,
    inspectModel: unused,
    compileGate: unused,
  };
  const checks = platformChecks({ eventStore, registry, broker, artifacts, ...learning });
  const commands = commandBus({ eventStore, checks, gate: members, clock: systemClock });
  const send = (type: string, payload: unknown) =>
    commands.dispatch({ type, payload, project: "bench", actor: localAdmin });
  await send("CreateProject", { id: "bench", name: "Bench" });
  for (let i = 0; i < DOCUMENTS; i++) await send("RegisterModel", { id: `model-${i}`, description: `Model ${i}` });
  await documents.waitFor(await eventStore.head());

  const server = await createServer({
    settings,
    commands,
    gate: members,
    documents,
    warehouse: {} as ServerDeps["warehouse"],
    onlineFeatures: { get: unused },
    tracking: {} as ServerDeps["tracking"],
    route: unused,
    trainingRows: { page: unused },
    broker,
    registry,
    onlineStore,
    artifacts,
    eventStore,
    authenticate: async () => localAdmin,
    readiness: async () => ({ ready: true, checks: {} }),
    metrics: new Registry(),
    warehouseUrl: "",
    warehouseAccess: null,
    clock: systemClock,
    logger: pino({ level: "silent" }),
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    port: (server.server.address() as AddressInfo).port,
    async close() {
      await server.close();
      stopping.abort();
      await projection.done;
      await members.close();
      await documents.close();
      await Promise.all([registry.close(), onlineStore.close(), broker.close(), artifacts.close()]);
      await eventStore.close();
    },
  };
};

type Call = (body: string) => Promise<string>;

/** POSTs JSON over kept connections. The client costs the same for both sides of the comparison. */
const caller = (port: number, path: string, agent: Agent): Call => {
  const headers = { "content-type": "application/json" };
  return (body) =>
    new Promise((resolve, reject) => {
      const sent = request({
        port,
        path,
        method: "POST",
        agent,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
      });
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      });
      sent.on("error", reject);
      sent.end(body);
    });
};

/** Requests a second with so many at once. */
const rate = async (call: Call, body: string, seconds: number): Promise<number> => {
  let done = 0;
  const started = performance.now();
  const end = started + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await call(body);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return (done * 1000) / (performance.now() - started);
};

const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

/** From sending a command to having its document, read after the write, in the answer: milliseconds. */
const commandTimes = async (call: Call): Promise<number[]> => {
  const times: number[] = [];
  for (let i = 0; i < COMMANDS; i++) {
    const started = performance.now();
    const answer = await call(JSON.stringify({ query: REGISTER, variables: { id: `new-${i}` } }));
    times.push(performance.now() - started);
    if (!answer.includes(`"slug":"new-${i}"`)) throw new Error(`the command was not readable: ${answer}`);
  }
  return times.sort((a, b) => a - b);
};

/**
 * A list of 100 documents through GraphQL against a bare Fastify POST that answers the same JSON object, in turns of
 * one process with the same client; and the time from a command to its document in the answer.
 */
export const run = async (options: { seconds?: number } = {}): Promise<Figures> => {
  const seconds = (options.seconds ?? 8) / (2 * ROUNDS);
  const directory = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const api = await openApi(directory);
  const bare = Fastify();
  try {
    const list = caller(api.port, "/graphql", agent);
    const body = JSON.stringify({ query: LIST });
    const payload = JSON.parse(await list(body));
    if (payload.data.models.edges.length !== DOCUMENTS)
      throw new Error(`unexpected answer: ${JSON.stringify(payload)}`);
    bare.post("/", async () => payload);
    await bare.listen({ host: "127.0.0.1", port: 0 });
    const plain = caller((bare.server.address() as AddressInfo).port, "/", agent);

    await rate(list, body, seconds / 2);
    await rate(plain, body, seconds / 2);
    let figure = 0;
    let ceiling = 0;
    for (let round = 0; round < ROUNDS; round++) {
      figure += (await rate(list, body, seconds)) / ROUNDS;
      ceiling += (await rate(plain, body, seconds)) / ROUNDS;
    }
    const times = await commandTimes(list);
    return {
      name: "graphql",
      figure: Math.round(figure),
      unit: `lists of ${DOCUMENTS} documents/s`,
      ceiling: Math.round(ceiling),
      ratio: Number((figure / ceiling).toFixed(3)),
      rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
      notes: [
        `answer of ${JSON.stringify(payload).length} bytes, ${CONNECTIONS} connections, client in the same process`,
        `command to readable: p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`,
      ],
    };
  } finally {
    agent.destroy();
    await bare.close();
    await api.close();
    rmSync(directory, { recursive: true, force: true });
  }
};

if (import.meta.main) console.log(await run());
