import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { confluentSchemaRegistry } from "../../infra/schema-registry/confluent.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { recordSchema } from "../contracts/schema-registry.contract.ts";

type Answers = Record<string, (number | [status: number, body: unknown])[]>;

const registryAt = async (t: TestContext, listener: RequestListener): Promise<string> => {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** A registry that answers each `METHOD path` in turn, the last answer again and again. */
const scripted = async (t: TestContext, answers: Answers) => {
  const asked: string[] = [];
  const counts = new Map<string, number>();
  const host = await registryAt(t, (request, response) => {
    const what = `${request.method} ${request.url}`;
    asked.push(what);
    const turns = answers[what] ?? (what === "GET /subjects" ? [[200, []]] : [[404, { error_code: 404 }]]);
    const turn = turns[Math.min(counts.get(what) ?? 0, turns.length - 1)];
    counts.set(what, (counts.get(what) ?? 0) + 1);
    const [status, body] = typeof turn === "number" ? [turn, ""] : turn;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  return { url: `http://${host}`, asked };
};

const schema = recordSchema("A", { name: "id", type: "string" });

const failureOf = async (action: Promise<unknown>): Promise<MillraceError> => {
  const error = await action.then(
    () => assert.fail("expected a refusal"),
    (refusal: unknown) => refusal,
  );
  assert.ok(error instanceof MillraceError);
  return error;
};

test("a registry that is not there is ENGINE_UNAVAILABLE, and nothing says the password", async (t) => {
  const mute = await registryAt(t, () => undefined);
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const refused = await failureOf(confluentSchemaRegistry(`http://ada:s3cret@127.0.0.1:${port}/registry`));
  assert.equal(refused.code, "ENGINE_UNAVAILABLE");
  assert.ok(refused.message.includes(`http://127.0.0.1:${port}/registry cannot be reached (ECONNREFUSED)`));
  const silent = await failureOf(confluentSchemaRegistry(`http://ada:s3cret@${mute}`, { timeoutMs: 50 }));
  assert.equal(silent.code, "ENGINE_UNAVAILABLE");
  assert.match(silent.message, /did not answer within 50 ms/);
  for (const wrong of [`ftp://ada:s3cret@${mute}`, "http://ada:s3cret@", `http://${mute}/?secret=s3cret`]) {
    const invalid = await failureOf(confluentSchemaRegistry(wrong));
    assert.equal(invalid.code, "INVALID_SETTING");
    assert.doesNotMatch(invalid.message + JSON.stringify(invalid.details), /s3cret/);
  }
  assert.doesNotMatch(refused.message + silent.message, /s3cret|ada/);
});

test("user and password are sent as Basic, percent-decoded; when refused, ENGINE_REFUSED at once", async (t) => {
  let tries = 0;
  const host = await registryAt(t, (request, response) => {
    tries++;
    const given = Buffer.from(String(request.headers.authorization).slice("Basic ".length), "base64").toString();
    response.writeHead(given === "a:d@:p/w" ? 200 : 401).end("[]");
  });
  await (await confluentSchemaRegistry(`http://a:d%40%3Ap%2Fw@${host}`)).close();
  tries = 0;
  const refusal = await failureOf(confluentSchemaRegistry(`http://ada:s3cret@${host}`));
  assert.equal(refusal.code, "ENGINE_REFUSED");
  assert.match(refusal.message, /refuses the credentials of SCHEMA_REGISTRY/);
  assert.doesNotMatch(refusal.message, /s3cret/);
  assert.equal(tries, 1);
});

test("an address that is no registry's is ENGINE_REFUSED", async (t) => {
  const page = await scripted(t, { "GET /subjects": [[200, "<html>"]] });
  assert.equal((await failureOf(confluentSchemaRegistry(page.url))).code, "ENGINE_REFUSED");
  const nowhere = await scripted(t, { "GET /subjects": [[404, { error_code: 404, message: "HTTP 404 Not Found" }]] });
  assert.equal((await failureOf(confluentSchemaRegistry(nowhere.url))).code, "ENGINE_REFUSED");
});

test("a registry that fails for a moment is asked again", async (t) => {
  const { url, asked } = await scripted(t, { "GET /schemas/ids/7": [503, 500, [200, { schema }]] });
  const registry = await confluentSchemaRegistry(url);
  assert.equal(await registry.byId(7), schema);
  assert.equal(asked.filter((what) => what === "GET /schemas/ids/7").length, 3);
});

test("what cannot change is asked once, a failure again", async (t) => {
  const entry = { id: 7, subject: "a", version: 1, schema };
  const { url, asked } = await scripted(t, {
    "GET /schemas/ids/7": [
      [404, { error_code: 40403, message: "Schema 7 not found" }],
      [200, { schema }],
    ],
    "POST /subjects/a/versions": [[200, { id: 7 }]],
    "POST /subjects/a": [[200, entry]],
    "GET /subjects/a/versions": [[200, [1]]],
    "GET /subjects/a/versions/1": [[200, entry]],
  });
  const registry = await confluentSchemaRegistry(url);
  assert.equal((await failureOf(registry.byId(7))).code, "UNKNOWN_SCHEMA");
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await Promise.all([registry.byId(7), registry.byId(7)]), [schema, schema]);
    assert.deepEqual(await registry.register("a", schema), entry);
    assert.deepEqual(await registry.versions("a"), [entry]);
  }
  const times = (what: string): number => asked.filter((one) => one === what).length;
  assert.equal(times("GET /schemas/ids/7"), 2);
  assert.equal(times("POST /subjects/a/versions"), 1);
  assert.equal(times("GET /subjects/a/versions/1"), 1);
});

test("a 409 that is no incompatibility is the later of two who register at once: tried again", async (t) => {
  const { url } = await scripted(t, {
    "POST /subjects/a/versions": [
      [409, { error_code: 409, message: "already exists" }],
      [200, { id: 7 }],
    ],
    "POST /subjects/a": [[200, { id: 7, subject: "a", version: 1, schema }]],
    "GET /config/a?defaultToGlobal=true": [[200, { compatibilityLevel: "BACKWARD" }]],
    "POST /compatibility/subjects/a/versions/latest?verbose=true": [[200, { is_compatible: true }]],
  });
  assert.equal((await (await confluentSchemaRegistry(url)).register("a", schema)).id, 7);
});

test("subjects of JSON Schema and Protobuf are left out, their ids are not Avro", async (t) => {
  const entry = { id: 8, subject: "p", version: 1, schema: 'syntax = "proto3";', schemaType: "PROTOBUF" };
  const { url } = await scripted(t, {
    "GET /schemas/ids/8": [[200, entry]],
    "GET /subjects/p/versions": [[200, [1]]],
    "GET /subjects/p/versions/1": [[200, entry]],
    "GET /subjects/p/versions/latest": [[200, entry]],
  });
  const registry = await confluentSchemaRegistry(url);
  assert.equal((await failureOf(registry.byId(8))).code, "INVALID_SCHEMA");
  assert.deepEqual(await registry.versions("p"), []);
  assert.equal(await registry.latest("p"), null);
});

test("after close every question is CLOSED, also one that waits for its answer", async (t) => {
  const asked = Promise.withResolvers<void>();
  const host = await registryAt(t, (request, response) => {
    if (request.url === "/subjects") return response.end("[]");
    asked.resolve();
  });
  const registry = await confluentSchemaRegistry(`http://${host}`);
  const waiting = failureOf(registry.byId(1));
  await asked.promise;
  await registry.close();
  assert.equal((await waiting).code, "CLOSED");
  assert.equal((await failureOf(registry.subjects())).code, "CLOSED");
});
