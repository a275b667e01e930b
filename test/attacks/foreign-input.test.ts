import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { type Running, runPlatform, settingsFor, temporaryFolder } from "../platform/shop.ts";
import { avroFile, framed, zigzag } from "./avro-bytes.ts";
import { doubling, doublingUnions, nested, recordOf } from "./schemas.ts";

type Answer = { status: number; code: string; message: string };

const registry = "application/vnd.schemaregistry.v1+json";
const json = "application/vnd.kafka.json.v2+json";
const binary = "application/vnd.kafka.binary.v2+json";

const lists = { type: "array", items: { type: "array", items: "null" } };
const tree = { type: "record", name: "Tree", fields: [{ name: "next", type: ["null", "Tree"], default: null }] };
const source = {
  type: "record",
  name: "Event",
  fields: [
    { name: "id", type: "string" },
    { name: "at", type: "long" },
    { name: "lists", type: lists, default: [] },
    { name: "tree", type: ["null", tree], default: null },
  ],
};

/** Milliseconds of the processor that one refusal may take, with all that a platform does beside it. */
const BUDGET_MS = 2_500;

describe("what strangers send to a running platform is refused with a code, soon, and the platform goes on", () => {
  const closers: (() => unknown)[] = [];
  let running: Running;

  const send = async (path: string, type: string, body: string | Buffer, method = "POST"): Promise<Answer> => {
    const before = process.cpuUsage();
    const response = await fetch(`${running.platform.url}${path}`, {
      method,
      ...(method === "GET" ? {} : { body: typeof body === "string" ? body : Uint8Array.from(body) }),
      ...(method === "GET" ? {} : { headers: { "content-type": type } }),
    });
    const answer = (await response.json()) as { code?: string; error_code?: string | number; message: string };
    const { user, system } = process.cpuUsage(before);
    const took = Math.round((user + system) / 1_000);
    assert.ok(took < BUDGET_MS, `${path} took ${took} ms`);
    const live = await fetch(`${running.platform.url}/health/live`);
    assert.equal(live.status, 200);
    return { status: response.status, code: String(answer.code ?? answer.error_code), message: String(answer.message) };
  };
  const refused = async (sending: Promise<Answer>, code: string, message: RegExp): Promise<void> => {
    const answer = await sending;
    assert.ok(answer.status >= 400 && answer.status < 500, JSON.stringify(answer));
    assert.equal(answer.code, code, JSON.stringify(answer));
    assert.match(answer.message, message);
  };
  const command = async (name: string, input: object): Promise<Answer> => {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${name}(project: "p", input: $input) { position } }`;
    const body = JSON.stringify({ query, variables: { input } });
    const response = await fetch(`${running.platform.url}/graphql`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    const { errors } = (await response.json()) as { errors?: { message: string; extensions: { code: string } }[] };
    const [error] = errors ?? [{ message: "accepted", extensions: { code: "none" } }];
    return { status: errors === undefined ? 200 : 400, code: error.extensions.code, message: error.message };
  };
  const produce = (type: string, value: string) => send("/topics/p.events", type, `{"records":[{"value":${value}}]}`);

  before(async () => {
    const context = { after: (end: () => unknown) => closers.push(end) } as unknown as TestContext;
    running = await runPlatform(context, settingsFor(temporaryFolder(context)));
    await running.client.query(`mutation { createProject(input: { id: "p", name: "p" }) { position } }`);
    const made = await command("createEventSource", {
      ...{ id: "events", topic: "p.events", key: "id", timestamp: "at", partitions: 1 },
      schema: JSON.stringify(source),
    });
    assert.equal(made.status, 200, made.message);
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  it("schemas, by command and at the registry", async () => {
    for (const schema of [
      JSON.stringify(doubling(40)),
      JSON.stringify(recordOf("int")).replace('"int"', nested(9_000)),
    ]) {
      const definition = { id: "bad", topic: "p.bad", key: "id", timestamp: "at", partitions: 1, schema };
      await refused(
        command("createEventSource", definition),
        "INVALID_SCHEMA",
        /nested more than|more than 5000 values/,
      );
      const body = JSON.stringify({ schema });
      await refused(
        send("/registry/subjects/p.bad-value/versions", registry, body),
        "42201",
        /nested more|more than 5000/,
      );
    }
    const versions = "/registry/subjects/p.many-value/versions";
    const first = await send(versions, registry, JSON.stringify({ schema: JSON.stringify(doublingUnions(30)) }));
    assert.equal(first.status, 200, first.message);
    const other = JSON.stringify({ schema: JSON.stringify(doublingUnions(30, "string")) });
    await refused(send(versions, registry, other), "409", /no branch of the reader's union/);
  });

  it("records, in JSON and in Avro", async () => {
    const fields = `"id":"a","at":${Date.UTC(2026, 0, 5)}`;
    const deep = `${'{"next":'.repeat(3_000)}null${"}".repeat(3_000)}`;
    await refused(produce(json, `{${fields},"tree":${deep}}`), "INVALID_RECORD", /nested too deeply/);
    await refused(produce(json, `{"id":"a","at":9007199254740000}`), "INVALID_RECORD", /more than 24 hours ahead/);
    const keyed = `{"records":[{"key":{"toString":1},"value":{${fields}}}]}`;
    await refused(send("/topics/p.events", json, keyed), "INVALID_RECORD", /key: differs/);
    const { eventSource } = await running.client.query<{ eventSource: { schemaId: number } }>(
      '{ eventSource(project: "p", id: "events") { schemaId } }',
    );
    const many = Buffer.concat(Array.from({ length: 6_000 }, () => Buffer.concat([zigzag(65_536), zigzag(0)])));
    const bytes = framed(Buffer.from([2, 97]), zigzag(1_700_000_000_000), zigzag(6_000), many, zigzag(0), zigzag(0));
    bytes.writeUInt32BE(eventSource.schemaId, 1);
    assert.ok(bytes.length < 25_000);
    await refused(produce(binary, `"${bytes.toString("base64")}"`), "UNDECODABLE_RECORD", /65536 items are announced/);
    const good = await produce(json, `{${fields}}`);
    assert.equal(good.status, 200, good.message);
  });

  it("expressions of views and policies", async () => {
    const view = (where: string) => ({
      id: "v",
      definition: {
        entity: { name: "e", key: ["id"] },
        features: [{ name: "n", source: "events", function: "count", where, windowMs: 3_600_000 }],
      },
    });
    for (const where of [
      'event.id.matches("(a+)+$")',
      `${"(".repeat(900)}true${")".repeat(900)}`,
      "[1].all(x, x > 0)",
    ]) {
      await refused(command("createFeatureView", view(where)), "INVALID_EXPRESSION", /./);
    }
  });

  it("searches by LIKE over a long tag", async () => {
    const mlflow = "/projects/p/api/2.0/mlflow";
    const text = "a".repeat(5_000);
    const tags = [{ key: "t", value: text }];
    const made = await send(
      `${mlflow}/registered-models/create`,
      "application/json",
      JSON.stringify({ name: "m", tags }),
    );
    assert.equal(made.status, 200, made.message);
    const search = (filter: string) =>
      send(`${mlflow}/registered-models/search?filter=${encodeURIComponent(filter)}`, "", "", "GET");
    const found = (pattern: string) => search(`tags.t LIKE '${pattern}'`);
    assert.equal((await found("%a%a%a%a%a%a%a%ab")).status, 200);
    assert.equal((await found(`${"%a".repeat(400)}b`)).status, 200);
    await refused(found("%a".repeat(600)), "INVALID_PARAMETER_VALUE", /at most 1000 characters/);
    const many = Array(101).fill("name = 'x'").join(" and ");
    await refused(search(many), "INVALID_PARAMETER_VALUE", /more than 100 conditions/);
  });

  it("files of datasets", async () => {
    const put = (format: string, bytes: string | Buffer) =>
      send(`/projects/p/datasets/d?format=${format}`, "application/octet-stream", bytes, "PUT");
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`).join();
    await refused(put("csv", `${names}\n${names}\n`), "INVALID_DATASET", /10000 columns, at most 1000/);
    await refused(put("avro", avroFile(doubling(24), "null", [])), "INVALID_DATASET", /more than 5000 values/);
    const bomb = zstdCompressSync(Buffer.alloc(200 << 20));
    const file = avroFile(recordOf("string"), "zstandard", [{ count: 1, bytes: bomb }]);
    await refused(put("avro", file), "INVALID_DATASET", /stand for more than 67108864/);
  });
});
