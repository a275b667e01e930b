import type { Client } from "../../../examples/flights/client.ts";
import { project } from "../../../examples/flights/definitions.ts";
import { isConnectionLost } from "../../e2e/producer.ts";
import { isRetryable, refusalOf } from "./answers.ts";
import type { Work } from "./feeder.ts";
import type { Ledger } from "./ledger.ts";

/**
 * A client of commands. Its turn is the number of the command that it gives next; a command whose answer was lost is
 * given again, with its own idempotency key, until it is acknowledged.
 */
export type Writer = { name: string; turn: number; model: string; run: string };

/** Ids of experiments are decimal numbers. */
const experiment = "77";
const answerWithinMs = 60_000;

export const newWriters = (count: number): Writer[] =>
  Array.from({ length: count }, (_, i) => ({ name: `w${i}`, turn: 0, model: "", run: "" }));

/** After a log has fallen back, what a writer had begun may be gone: it begins a new round of acts. */
export const beginAnew = (writers: readonly Writer[]): void => {
  for (const writer of writers) writer.turn += acts.length - (writer.turn % acts.length);
};

type Given = { client: Client; ledger: Ledger; writer: Writer; key: string };

/** Each act is one whose repetition would show: a second version, a second run, a second event. */
const acts: readonly ((given: Given) => Promise<void>)[] = [
  async (given) => {
    const id = `m-${given.key}`;
    await command(given, "registerModel", { id, description: "of the soak" });
    given.writer.model = id;
    given.ledger.commands.push({ type: "ModelRegistered", marker: id });
  },
  async (given) => {
    const source = `s3://soak/${given.key}`;
    await command(given, "createModelVersion", { model: given.writer.model, format: "other", source });
    given.ledger.commands.push({ type: "ModelVersionCreated", marker: source });
  },
  async (given) => {
    const value = `tag ${given.key}`;
    await command(given, "setModelTag", { model: given.writer.model, key: "turn", value });
    given.ledger.commands.push({ type: "ModelTagSet", marker: value });
  },
  async (given) => {
    const name = `run ${given.key}`;
    const input = { experiment, name, startTime: 983_404_800_000 };
    const { run } = await command<{ run: { slug: string } }>(given, "createRun", input, "run { slug }");
    given.writer.run = run.slug;
    given.ledger.commands.push({ type: "RunCreated", marker: name });
  },
  async ({ client, ledger, writer }) => {
    const point = { run: writer.run, step: writer.turn, value: writer.turn / 3 };
    const body = { run_id: point.run, key: "loss", value: point.value, timestamp: 983_404_800_000, step: point.step };
    const response = await fetch(`${client.url}/projects/${project}/api/2.0/mlflow/runs/log-metric`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(response.status === 503 ? `ENGINE_UNAVAILABLE: ${text}` : text);
    ledger.points.push(point);
  },
  async (given) => {
    const { writer, key } = given;
    await command(given, "logRunBatch", { id: writer.run, params: { [`p-${key}`]: "1" } });
    given.ledger.commands.push({ type: "RunParamsLogged", marker: `p-${key}` });
  },
];

const command = async <T = unknown>({ client, key }: Given, name: string, input: object, fields = ""): Promise<T> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const text = `mutation ($project: String!, $key: String, $input: ${type}!) {
    ${name}(project: $project, idempotencyKey: $key, input: $input) { position ${fields} } }`;
  const answer = await within(client.query<Record<string, T>>(text, { project, key, input }));
  return answer[name];
};

const within = async <T>(answer: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${answerWithinMs} ms`)), answerWithinMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
};

/** The experiment that the writers' runs are in. */
export const setUpExperiment = async (client: Client): Promise<void> => {
  await command({ client, key: "experiment" } as Given, "createExperiment", { id: experiment, name: "soak" });
};

/** Lets writers give commands until they are told to stop, or until the platform goes away. */
export const write = (
  client: Client,
  ledger: Ledger,
  writers: readonly Writer[],
  onRefusal: (what: string) => void,
): Work => {
  let told = false;
  const work = async (writer: Writer): Promise<void> => {
    while (!told) {
      const key = `${ledger.generation}-${writer.name}-${writer.turn}`;
      try {
        await acts[writer.turn % acts.length]({ client, ledger, writer, key });
        writer.turn++;
      } catch (error) {
        if (isConnectionLost(error)) return;
        if (!isRetryable(String(error))) return onRefusal(`command ${key}: ${refusalOf(String(error))}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  };
  const done = Promise.all(writers.map(work)).then(() => undefined);
  return {
    done,
    stop: () => {
      told = true;
    },
  };
};
