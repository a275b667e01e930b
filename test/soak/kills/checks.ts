import { endpoint, project } from "../../../examples/flights/definitions.ts";
import { topicOf } from "../../../schemas/topics.ts";
import { answers } from "../../e2e/rows.ts";
import { flightsIn, type Ledger } from "./ledger.ts";
import type { Life } from "./life.ts";
import { type LogEvent, lifecycleEvents, type Shown, topicRecords } from "./log.ts";
import { moment } from "./moment.ts";

/** A check of what a settled platform holds against what its clients know. Answers what is wrong. */
type Check = { name: string; find(life: Life, ledger: Ledger): Promise<string[]> };

const counts = (keys: readonly string[]): Map<string, number> => {
  const found = new Map<string, number>();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  return found;
};

/** What is not there as often as it should be: the first few, and how many. */
const differences = (what: string, wanted: readonly string[], found: readonly string[], times = 1): string[] => {
  const have = counts(found);
  const due = new Set(wanted);
  const wrong = [...due].filter((key) => (have.get(key) ?? 0) !== times).map((key) => `${key}: ${have.get(key) ?? 0}`);
  const unknown = [...have.keys()].filter((key) => !due.has(key));
  return [
    ...(wrong.length > 0 ? [`${what}: ${wrong.length} not there ${times} times, such as ${wrong.slice(0, 3)}`] : []),
    ...(unknown.length > 0 ? [`${what}: ${unknown.length} that were never sent, such as ${unknown.slice(0, 3)}`] : []),
  ];
};

/** What in an event of each type tells the command that it came from. */
const markers: Record<string, (event: LogEvent) => string> = {
  ModelRegistered: ({ slug }) => slug,
  ModelVersionCreated: ({ data }) => String(data.source),
  ModelTagSet: ({ data }) => String(data.value),
  RunCreated: ({ data }) => String(data.name),
  RunParamsLogged: ({ data }) => Object.keys(data.params as object)[0],
};

const commands: Check = {
  name: "every acknowledged command is in the log once",
  async find({ client }, ledger) {
    const events = await lifecycleEvents(client);
    const keyOf = (event: LogEvent): string => `${event.type} ${markers[event.type]?.(event)}`;
    const have = counts(events.map(keyOf));
    const wrong = ledger.commands
      .map(({ type, marker }) => `${type} ${marker}`)
      .filter((key) => have.get(key) !== 1)
      .map((key) => `${key}: ${have.get(key) ?? 0}`);
    return wrong.length === 0 ? [] : [`${wrong.length} commands are not there once, such as ${wrong.slice(0, 3)}`];
  },
};

const records: Check = {
  name: "every acknowledged record is in its topic once",
  async find({ url }, ledger) {
    const flights = async (topic: "departures" | "arrivals"): Promise<string[]> => {
      const found = await topicRecords(url, topic);
      return differences(topic, flightsIn(ledger, topic), found.map(flightOf));
    };
    return [...(await flights("departures")), ...(await flights("arrivals"))];
  },
};

const flightOf = ({ value }: Shown): string => String(value.flight);

/** Numbers as both sides can be compared: a Float32 is a Float32. */
const line = (values: readonly unknown[]): string =>
  JSON.stringify(values, (_, value) => (typeof value === "number" ? Math.fround(value) : value));

const predictions: Check = {
  name: "every record has its predictions once, in the topic and in the warehouse, equal",
  async find({ url, sql }, ledger) {
    const topic = await topicRecords(url, topicOf.predictions(project, endpoint));
    const inTopic = topic.map(({ value: v }) => line([v.id, v.key, v.version, v.variant, features(v), v.output]));
    const rows = await sql<Record<string, unknown>>(
      "SELECT id, key, version, variant, features, output FROM predictions",
    );
    const inWarehouse = rows.map((v) => line([v.id, v.key, v.version, v.variant, features(v), v.output]));
    const keys = topic.map(({ value }) => String(value.key));
    return [
      ...differences("predictions by flight", flightsIn(ledger, "departures"), keys, answers),
      ...differences("ids of predictions", [...new Set(topic.map(idOf))], topic.map(idOf)),
      ...differences("predictions in the warehouse", inTopic, inWarehouse),
    ];
  },
};

const idOf = ({ value }: Shown): string => String(value.id);
const features = ({ features }: Record<string, unknown>): unknown =>
  (features as (number | string)[]).map((value) => (Number.isNaN(Number(value)) ? null : Number(value)));

const outcomes: Check = {
  name: "outcomes in the warehouse are those of the topic, each once",
  async find({ url, sql }) {
    const topic = await topicRecords(url, topicOf.outcomes(project, endpoint));
    const rows = await sql<Record<string, unknown>>("SELECT prediction_id, output, outcome FROM outcomes");
    return differences(
      "outcomes in the warehouse",
      topic.map(({ value: v }) => line([v.predictionId, v.output, v.outcome])),
      rows.map((v) => line([v.prediction_id, v.output, v.outcome])),
    );
  },
};

const points: Check = {
  name: "every acknowledged point of a metric is there once",
  async find({ sql }, ledger) {
    const rows = await sql("SELECT run, step FROM metrics FINAL WHERE key = 'loss'");
    return differences(
      "points of metrics",
      ledger.points.map(({ run, step }) => `${uuid(run)} ${step}`),
      rows.map(({ run, step }) => `${uuid(run)} ${step}`),
    );
  },
};

const uuid = (text: string): string => text.replaceAll("-", "");

const documents: Check = {
  name: "the read models show what the log holds, and nothing else",
  async find({ client, sql }) {
    const events = await lifecycleEvents(client);
    const registered = events.filter(({ type }) => type === "ModelRegistered").map(({ slug }) => slug);
    const text = `query ($project: String!, $after: String) { models(project: $project, first: 1000, after: $after) {
      edges { node { slug } } pageInfo { hasNextPage endCursor } } }`;
    const shown: string[] = [];
    for (let after: string | null = null; ; ) {
      const { models }: { models: Models } = await client.query(text, { project, after });
      shown.push(...models.edges.map(({ node }) => node.slug));
      if (!models.pageInfo.hasNextPage) break;
      after = models.pageInfo.endCursor;
    }
    const kept = await sql(`SELECT DISTINCT id FROM documents WHERE collection = 'models' AND project = '${project}'`);
    return [
      ...differences("models that are listed", registered, shown),
      ...differences(
        "models in the history of documents",
        registered,
        kept.map(({ id }) => id),
      ),
    ];
  },
};

type Models = { edges: { node: { slug: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } };

/** Each holds on a platform that has settled, whatever was done to it before. */
const checks: readonly Check[] = [commands, records, predictions, outcomes, points, documents];

/** Histories in the warehouse may be behind the read models by as long. */
const catchUpMs = 20_000;

/** What a check finds when it is asked again and again, as long as it finds anything. */
const lasting = async ({ name, find }: Check, life: Life, ledger: Ledger): Promise<string[]> => {
  const deadline = Date.now() + catchUpMs;
  for (;;) {
    let found: string[];
    try {
      found = await find(life, ledger);
    } catch (error) {
      found = [`could not be checked: ${(error as Error).message}`];
    }
    if (found.length === 0 || Date.now() > deadline) return found.map((what) => `${name}: ${what}`);
    await moment(500);
  }
};

/** What is wrong with a settled platform, each finding with the check that found it. */
export const checked = async (life: Life, ledger: Ledger): Promise<string[]> => {
  const findings: string[] = [];
  for (const check of checks) findings.push(...(await lasting(check, life, ledger)));
  return findings;
};
