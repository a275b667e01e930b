import { Agent, request } from "node:http";
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { endpoint, project } from "../../examples/flights/definitions.ts";
import type { ClientData, FromClient, Recording, ToClient } from "./messages.ts";

/**
 * A user of the API in a thread of its own: asks by id at a steady pace, whether or not earlier answers are there
 * (so that a slow moment is met by all who would have come in it), and listens to live predictions.
 */
const { url, everyMs } = workerData as ClientData;
const port = parentPort as NonNullable<typeof parentPort>;
const say = (message: FromClient): void => port.postMessage(message);

/** The busiest airport of the data: the filter that has most to pass on. */
const entity = "ORD";
const recentIds = 5_000;

const newRecording = (): Recording => ({
  queries: { prediction: [], predictionWithOutcome: [], deployment: [], model: [], modelVersion: [], featureView: [] },
  deliveries: { endpoint: [], entity: [] },
  lateness: [],
  unknown: 0,
  failures: [],
});

let recording = newRecording();
let isRecording = false;
const recent: string[] = [];
let received = 0;

const agent = new Agent({ keepAlive: true });
const ask = (query: string, variables: Record<string, unknown>): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({ query, variables });
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(`${url}/graphql`, { method: "POST", agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const { data, errors } = JSON.parse(Buffer.concat(parts).toString());
        if (errors === undefined) resolve(data);
        else reject(new Error(JSON.stringify(errors[0])));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });

const byId = (field: string, selection: string): string =>
  `query ($id: String!) { ${field}(project: "${project}", id: $id) { ${selection} } }`;

const documents: [string, string, string][] = [
  ["deployment", byId("deployment", "id slug status revision updatedAt"), endpoint],
  ["model", byId("model", "id slug status latestVersion updatedAt"), "delays"],
  ["modelVersion", byId("modelVersion", "id status columns metrics"), "delays/1"],
  ["featureView", byId("featureView", "id slug revision"), "origin"],
];
/** The outcome is searched for in a log of its own. */
const predictions: [string, string][] = [
  ["prediction", byId("prediction", "id model version output features servedAt")],
  [
    "predictionWithOutcome",
    byId("predictionWithOutcome: prediction", "id model version output features servedAt outcome outcomeAt"),
  ],
];

const timed = async (name: string, query: string, id: string): Promise<void> => {
  const into = recording;
  const since = performance.now();
  try {
    const answer = await ask(query, { id });
    into.queries[name].push(performance.now() - since);
    if (answer[name] === null) into.unknown += 1;
  } catch (error) {
    into.failures.push((error as Error).message);
  }
};

let turn = 0;
let dueAt = performance.now() + everyMs;
const pace = setInterval(() => {
  const now = performance.now();
  if (isRecording) recording.lateness.push(Math.max(0, now - dueAt));
  dueAt = now + everyMs;
  if (!isRecording) return;
  turn += 1;
  const [name, query, id] = documents[turn % documents.length];
  void timed(name, query, id);
  if (recent.length === 0) return;
  const [field, text] = predictions[turn % predictions.length];
  void timed(field, text, recent[(turn * 7919) % recent.length]);
}, everyMs);

const socket = createClient({ url: `${url.replace(/^http/, "ws")}/graphql`, webSocketImpl: WebSocket, lazy: false });
const listen = (name: string, filter: string): void => {
  const query = `subscription { predictions(project: "${project}", endpoint: "${endpoint}"${filter}) {
    prediction { id servedAt output }
  } }`;
  type Live = { predictions: { prediction: { id: string; servedAt: string } } };
  socket.subscribe<Live>(
    { query },
    {
      next: ({ data }) => {
        const made = data?.predictions.prediction;
        if (made === undefined) return;
        if (isRecording) recording.deliveries[name].push(Date.now() - Date.parse(made.servedAt));
        if (received < recentIds) recent.push(made.id);
        else recent[received % recentIds] = made.id;
        received += 1;
      },
      error: (error) => recording.failures.push(`${name}: ${JSON.stringify(error)}`),
      complete: () => undefined,
    },
  );
};
listen("endpoint", "");
listen("entity", `, entity: "${entity}"`);

port.on("message", (message: ToClient) => {
  if (message === "record") {
    recording = newRecording();
    isRecording = true;
  } else if (message === "stop") {
    isRecording = false;
    say({ type: "recording", recording });
  } else {
    clearInterval(pace);
    agent.destroy();
    void Promise.resolve(socket.dispose()).then(() => port.close());
  }
});
say({ type: "ready" });
