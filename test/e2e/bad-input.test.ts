import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { columns, endpoint, project, sources } from "../../examples/flights/definitions.ts";
import { command } from "../../examples/flights/setup.ts";
import { avroType, frame } from "../../schemas/codec.ts";
import { modelOf, putArtifact, setUp } from "./flights.ts";
import { startPlatform, temporaryFolder, untilCount } from "./platform.ts";

const binary = "application/vnd.kafka.binary.v2+json";
const json = "application/vnd.kafka.json.v2+json";
const avro = "application/vnd.kafka.avro.v2+json";

type Refusal = { status: number; error_code: number; message: string; code: string };

const scheduled = Date.UTC(2001, 2, 5);
const departure = (flight: string): Record<string, unknown> => ({
  flight,
  origin: "SFO",
  destination: "LAX",
  scheduled,
  distance: 337,
});

const framed = (schemaId: number, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(schemaId, 1);
  return Buffer.concat([head, body]);
};

test("bad input is refused with its cause, nothing of it is written, and the good record behind it is answered", async (t) => {
  const data = temporaryFolder(t, "bad-input");
  const platform = await startPlatform(t, data);
  const { client, url } = platform;
  await setUp(client);
  const { eventSource } = await client.query<{ eventSource: { schemaId: number } }>(
    `{ eventSource(project: "${project}", id: "departures") { schemaId } }`,
  );
  const schemaId = eventSource.schemaId;
  const type = avroType(sources[0].schema);

  const post = async (type: string, body: unknown, topic = "departures"): Promise<Refusal> => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${url}/topics/${topic}`, {
      method: "POST",
      headers: { "content-type": type },
      body: text,
    });
    return { status: response.status, ...((await response.json()) as Omit<Refusal, "status">) };
  };
  const refused = async (
    type: string,
    body: unknown,
    status: number,
    code: string,
    message: RegExp,
    topic?: string,
  ) => {
    const answer = await post(type, body, topic);
    assert.equal(answer.status, status, JSON.stringify(answer));
    assert.equal(answer.code, code, JSON.stringify(answer));
    assert.match(answer.message, message);
  };
  const record = (changes: Record<string, unknown>) => ({ records: [{ value: { ...departure("x"), ...changes } }] });
  const bytes = (value: Buffer) => ({ records: [{ value: value.toString("base64") }] });

  await t.test("records in JSON", async () => {
    await refused(json, "{", 400, "BAD_REQUEST", /not JSON/);
    await refused(json, { records: [] }, 400, "BAD_REQUEST", /records/);
    await refused(json, record({ distance: "far" }), 422, "INVALID_RECORD", /distance/);
    await refused(json, record({ distance: undefined }), 422, "INVALID_RECORD", /distance/);
    await refused(json, record({ origin: "" }), 422, "INVALID_RECORD", /origin: the key/);
    await refused(json, record({ scheduled: -1 }), 422, "INVALID_RECORD", /scheduled: -1 is before 1970/);
    await refused(json, record({ scheduled: Date.UTC(2999, 0) }), 422, "INVALID_RECORD", /scheduled: .*2999.*ahead/);
    await refused(json, { records: [{ key: "LAX", value: departure("x") }] }, 422, "INVALID_RECORD", /key: differs/);
    await refused(json, { records: [{ value: null }] }, 422, "INVALID_RECORD", /value/);
    await refused(json, record({ flight: "f".repeat(1 << 20) }), 413, "RECORD_TOO_LARGE", /1048576/);
    await refused(json, record({}), 404, "UNKNOWN_TOPIC", /nowhere/, "nowhere");
    const mixed = { records: [{ value: departure("good") }, { value: { ...departure("bad"), distance: null } }] };
    await refused(json, mixed, 422, "INVALID_RECORD", /nothing was written: record 1/);
  });

  await t.test("records in binary and Avro", async () => {
    await refused(binary, { records: [{ value: "?" }] }, 422, "INVALID_RECORD", /base64/);
    await refused(binary, bytes(Buffer.from("junk")), 422, "UNDECODABLE_RECORD", /./);
    await refused(binary, bytes(framed(schemaId, Buffer.from([255, 255]))), 422, "UNDECODABLE_RECORD", /./);
    await refused(binary, bytes(framed(4711, Buffer.from([0]))), 422, "UNKNOWN_SCHEMA", /4711/);
    const late = frame(schemaId, type, { ...departure("x"), scheduled: Date.UTC(2999, 0) });
    await refused(binary, bytes(late), 422, "INVALID_RECORD", /scheduled/);
    const large = frame(schemaId, type, { ...departure("x"), flight: "f".repeat(1 << 20) });
    await refused(binary, bytes(large), 413, "RECORD_TOO_LARGE", /1048576/);
    await refused(avro, { ...record({}), value_schema_id: 4711 }, 422, "UNKNOWN_SCHEMA", /4711/);
    await refused(avro, { ...record({}), value_schema: '{"type":"record"' }, 422, "INVALID_SCHEMA", /./);
    const other = JSON.stringify({
      type: "record",
      name: "Departure",
      namespace: "flights",
      fields: [{ name: "a", type: "int" }],
    });
    await refused(avro, { records: [{ value: { a: 1 } }], value_schema: other }, 409, "INCOMPATIBLE_SCHEMA", /./);
  });

  await t.test("definitions", async () => {
    const view = (changes: object, id = "bad") => {
      const feature = {
        name: "n",
        source: "arrivals",
        function: "sum",
        value: "event.delay",
        windowMs: 3_600_000,
        ...changes,
      };
      return command(client, "createFeatureView", {
        id,
        definition: { entity: { name: "airport", key: ["origin"] }, features: [feature] },
      });
    };
    const why = (work: Promise<unknown>, expected: RegExp) =>
      assert.rejects(work, (error: Error) => expected.test(error.message) || assert.fail(error.message));
    await why(view({ source: "balloons" }), /(NOT_FOUND|INVALID_FEATURE_VIEW): .*balloons/);
    await why(view({ value: "event.delay >" }), /INVALID_EXPRESSION: .*(position|column|offset|at \d|line)/i);
    await why(
      view({ value: "event.delay + event.origin" }),
      /INVALID_EXPRESSION: .*(position|column|offset|at \d|line)/i,
    );
    await why(view({ value: "event.nothing" }), /INVALID_EXPRESSION: .*nothing/);
    const text = await putArtifact(client, Uint8Array.from(Buffer.from("this is no model")));
    await why(
      command(client, "createModelVersion", { model: "delays", artifact: text, task: "binary", columns: ["a"] }),
      /INVALID_MODEL/,
    );
    await why(command(client, "createModelVersion", { model: "delays", artifact: "0".repeat(64) }), /NOT_FOUND/);

    const narrow = await putArtifact(client, Uint8Array.from(modelOf(5, ["hour", "humidity"])));
    await command(client, "createModelVersion", { model: "delays-plain", artifact: narrow });
    const deployment = {
      id: "narrow",
      trigger: "departures",
      columns: columns.plain,
      split: [{ model: "delays-plain", version: 1, variant: "champion", share: 1 }],
    };
    await why(command(client, "createDeployment", deployment), /ILLEGAL_STATE: .*approve/);
    await command(client, "approveModelVersion", { model: "delays-plain", version: 1, comment: "for the test" });
    await why(
      command(client, "createDeployment", deployment),
      /SIGNATURE_MISMATCH: .*lacks humidity.*weekday, distance/,
    );
    await why(
      command(client, "createModelVersion", { model: "delays-plain", artifact: narrow, columns: ["hour"] }),
      /SIGNATURE_MISMATCH: .*2 input columns.*hour/,
    );
  });

  await t.test("GraphQL too costly, and too deep where the schema lets a query nest", async () => {
    await assert.rejects(
      client.query(
        `{ models(project: "${project}", first: 1000) { edges { node { versions(first: 1000) { version } } } } }`,
      ),
      /QUERY_TOO_COSTLY: .*limit is 10000/,
    );
    const nested = Array.from({ length: 12 }).reduce<string>((below) => `fields { type { ${below} } }`, "name");
    await assert.rejects(
      client.query(`{ __schema { types { ${nested} } } }`),
      /(BAD_REQUEST|QUERY_TOO_DEEP): .*depth/i,
    );
  });

  await t.test("a corrupt artifact is named by its digest", async () => {
    const model = modelOf(6);
    const digest = await putArtifact(client, Uint8Array.from(model));
    const path = join(data, "artifacts", digest.slice(0, 2), digest);
    const flipped = readFileSync(path);
    flipped[flipped.length >> 1] ^= 1;
    writeFileSync(path, flipped);
    const create = () => command(client, "createModelVersion", { model: "delays", artifact: digest });
    await assert.rejects(create(), new RegExp(`CORRUPT_ARTIFACT: .*${digest}`));
    const response = await fetch(`${url}/artifacts/${digest}`);
    assert.equal(response.status, 500);
    assert.equal(((await response.json()) as { code: string }).code, "CORRUPT_ARTIFACT");
    await putArtifact(client, Uint8Array.from(model));
    await create();
  });

  const after = await post(json, { records: [{ value: departure("last") }] });
  assert.equal(after.status, 200, JSON.stringify(after));
  await untilCount(
    platform,
    `SELECT count() AS n FROM predictions WHERE endpoint = '${endpoint}' AND key = 'last' AND variant != 'shadow'`,
    1,
  );
  const keys = await platform.sql("SELECT DISTINCT key FROM predictions FINAL");
  assert.deepEqual(keys, [{ key: "last" }]);
  assert.equal((await platform.kill("SIGTERM")).code, 0, platform.output());
});
