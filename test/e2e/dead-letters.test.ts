import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { project, sources } from "../../examples/flights/definitions.ts";
import { command } from "../../examples/flights/setup.ts";
import { openBroker } from "../../infra/broker/open.ts";
import { partitionOf } from "../../infra/broker/port.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { setUp } from "./flights.ts";
import { millrace, type Running, startPlatform, temporaryFolder, until, untilCount } from "./platform.ts";

const scheduled = Date.UTC(2001, 2, 5);
const [departures] = sources;
const type = avroType(departures.schema);
const partition = partitionOf(Buffer.from("SFO"), departures.partitions);

const departure = (flight: string, changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  flight,
  origin: "SFO",
  destination: "LAX",
  scheduled,
  distance: 337,
  ...changes,
});

const produce = async (platform: Running, contentType: string, body: unknown): Promise<{ value_schema_id: number }> => {
  const response = await fetch(`${platform.url}/topics/departures`, {
    method: "POST",
    headers: { "content-type": contentType },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as { value_schema_id: number };
};

/** The id of the schema that will be registered next: they count, and this asks by registering one. */
const nextSchemaId = async ({ client }: Running): Promise<number> => {
  const schema = departures.schema.replaceAll("Departure", "Probe");
  const position = await command(client, "createEventSource", { ...departures, id: "probe", topic: "probe", schema });
  const { eventSource } = await client.query<{ eventSource: { schemaId: number } }>(
    `{ eventSource(project: "${project}", id: "probe", afterPosition: "${position}") { schemaId } }`,
  );
  return eventSource.schemaId + 1;
};

type Letter = { stage: string; code: string; message: string; topic: string; offset: number; schemaId: number | null };

const lettersOf = async ({ client }: Running): Promise<Letter[]> => {
  const fields = "stage code message topic offset schemaId";
  const { deadLetters } = await client.query<{ deadLetters: { edges: { node: Letter }[] } }>(
    `{ deadLetters(project: "${project}", first: 100) { edges { node { ${fields} } } } }`,
  );
  return deadLetters.edges.map(({ node }) => node).sort((a, b) => Number(a.offset) - Number(b.offset));
};

/** Which departures were answered, by their place in the log. */
const answered = (platform: Running): Promise<{ key: string; offset: number }[]> =>
  platform.sql("SELECT key, offset FROM predictions FINAL WHERE variant != 'shadow' ORDER BY offset");

const untilAnswered = (platform: Running, count: number): Promise<void> =>
  untilCount(platform, "SELECT count() AS n FROM predictions FINAL WHERE variant != 'shadow'", count);

test("records that came in behind the doors are set aside with their causes and can be replayed once mended", async (t) => {
  const data = temporaryFolder(t, "dead-letters");
  const platform = await startPlatform(t, data);
  await setUp(platform.client);
  const deadLetters = (...args: string[]) => millrace(["dead-letters", ...args, "--data", data]);

  const json = "application/vnd.kafka.json.v2+json";
  const { value_schema_id: schemaId } = await produce(platform, json, { records: [{ value: departure("first") }] });
  const good = frame(schemaId, type, departure("good"));
  const wider = JSON.parse(departures.schema) as { fields: object[] };
  wider.fields.push({ name: "gate", type: "string", default: "" });
  // By its first answer the platform has registered the schemas of its own topics, and takes no more ids.
  await untilAnswered(platform, 1);
  const newSchema = await nextSchemaId(platform);
  const early = frame(newSchema, avroType(JSON.stringify(wider)), departure("early", { gate: "B7" }));

  const bad: [name: string, key: string | null, value: Buffer | null, code: string, message: RegExp][] = [
    ["junk", "SFO", Buffer.from("junk"), "UNDECODABLE_RECORD", /neither framed Avro/],
    ["cut off", "SFO", good.subarray(0, good.length - 3), "UNDECODABLE_RECORD", /the bytes end/],
    ["not registered yet", "SFO", early, "UNKNOWN_SCHEMA", new RegExp(`schema id ${newSchema}`)],
    ["no key", null, good, "INVALID_RECORD", /no key; it must be "SFO"/],
    ["another's key", "LAX", good, "INVALID_RECORD", /key is not "SFO"/],
    ["no value", "SFO", null, "INVALID_RECORD", /no value/],
    ["absurd time", "SFO", frame(schemaId, type, departure("late", { scheduled: 1e15 })), "EVENT_AHEAD", /ahead/],
  ];
  const broker = await openBroker(`sqlite:${join(data, "millrace.db")}`);
  t.after(() => broker.close());
  for (const [, key, value] of bad) {
    await broker.produce("departures", [{ key, value, timestamp: scheduled, partition }]);
  }
  await produce(platform, json, { records: [{ value: departure("behind") }] });

  await untilAnswered(platform, 2);
  const expected = [
    { key: "first", offset: 0 },
    { key: "behind", offset: bad.length + 1 },
  ];
  assert.deepEqual(await answered(platform), expected);

  const letters = await until("all are listed", 20_000, async () => {
    const found = await lettersOf(platform);
    return found.length >= bad.length && found;
  });
  assert.equal(letters.length, bad.length);
  for (const [index, [name, , , code, message]] of bad.entries()) {
    const letter = letters[index];
    const { stage, topic, offset } = letter;
    assert.deepEqual([stage, letter.code, topic, Number(offset)], ["decode", code, "departures", index + 1], name);
    assert.match(letter.message, message, name);
  }
  assert.equal(letters[2].schemaId, newSchema);

  const listed = await deadLetters("list");
  assert.equal(listed.code, 0, listed.output);
  assert.match(listed.output, new RegExp(`departures/${partition}@3 decode UNKNOWN_SCHEMA: .*${newSchema}`));
  assert.match(listed.output, /^7 dead letters$/m);
  assert.match((await deadLetters("list", "--code", "UNKNOWN_SCHEMA")).output, /^1 dead letters$/m);

  const avro = "application/vnd.kafka.avro.v2+json";
  const mended = { records: [{ value: departure("mended", { gate: "A1" }) }], value_schema: JSON.stringify(wider) };
  assert.equal((await produce(platform, avro, mended)).value_schema_id, newSchema);
  const replayed = await deadLetters("replay", "--code", "UNKNOWN_SCHEMA");
  assert.equal(replayed.code, 0, replayed.output);
  assert.match(replayed.output, /^1 records replayed$/m);
  assert.match(
    (await deadLetters("replay", "--topic", "departures", "--code", "UNKNOWN_SCHEMA")).output,
    /^0 records/m,
  );
  await untilAnswered(platform, 4);
  const behind = bad.length + 2;
  assert.deepEqual(await answered(platform), [
    ...expected,
    { key: "mended", offset: behind },
    { key: "early", offset: behind + 1 },
  ]);

  // What is still bad comes back as a letter of its own, and the one that was replayed is not replayed again.
  assert.match((await deadLetters("replay", "--code", "INVALID_RECORD")).output, /^3 records replayed$/m);
  await untilCount(platform, "SELECT count() AS n FROM dead_letters FINAL WHERE code = 'INVALID_RECORD'", 6);
  assert.match((await deadLetters("replay", "--topic", "departures")).output, /^6 records replayed$/m);
  assert.equal((await platform.kill("SIGTERM")).code, 0, platform.output());
});
