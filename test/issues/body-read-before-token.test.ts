import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { MillraceError } from "../../schemas/errors.ts";
import { type TestServer, testServer } from "../graphql/platform.ts";

const stranger = async (): Promise<never> => {
  throw new MillraceError("UNAUTHENTICATED", "who is this?");
};

/** A connection on which bytes are sent as they are. */
const connected = async (t: TestContext, server: TestServer): Promise<Socket> => {
  const { port } = new URL(server.url);
  const socket = connect(+port, "127.0.0.1");
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
};

const head = (server: TestServer, line: string, headers: Record<string, string | number>): string =>
  [line, `Host: ${new URL(server.url).host}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
    .join("\r\n")
    .concat("\r\n\r\n");

const firstBytes = async (socket: Socket): Promise<string> => String((await once(socket, "data"))[0]);

/** Everything that came before the connection ended, however it ended. */
const allOf = async (socket: Socket): Promise<string> => {
  let came = "";
  socket.on("data", (chunk) => {
    came += chunk;
  });
  socket.on("error", () => {});
  await new Promise((resolve) => socket.on("close", resolve));
  return came;
};

const json = "application/json";
const big = 31_000_000;

const bodies: [line: string, type: string][] = [
  ["POST /graphql HTTP/1.1", json],
  ["POST /topics/orders HTTP/1.1", json],
  ["PUT /artifacts HTTP/1.1", "application/octet-stream"],
  ["PUT /projects/shop/datasets/d?format=csv HTTP/1.1", "text/csv"],
  ["POST /registry/subjects/s/versions HTTP/1.1", json],
  ["POST /api/2.0/mlflow/runs/create HTTP/1.1", json],
  ["PUT /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f HTTP/1.1", "application/octet-stream"],
  ["POST /nowhere HTTP/1.1", json],
];

test("a body is not waited for before the sender is known, at any door", async (t) => {
  const server = await testServer(t, { deps: { authenticate: stranger } });
  for (const [line, type] of bodies) {
    const socket = await connected(t, server);
    socket.write(head(server, line, { "Content-Type": type, "Content-Length": big }));
    assert.match(await firstBytes(socket), /^HTTP\/1\.1 401 /, line);
  }
});

test("the connection of a body that nobody reads ends", async (t) => {
  const server = await testServer(t, { deps: { authenticate: stranger }, limits: { lingerMs: 50 } });
  const socket = await connected(t, server);
  socket.write(head(server, "POST /topics/orders HTTP/1.1", { "Content-Type": json, "Content-Length": big }));
  assert.match(await text(socket), /UNAUTHENTICATED/);
});

test("a body that comes too slowly is refused, and its connection ends (slowloris)", async (t) => {
  const server = await testServer(t, { limits: { timeMs: 300, bytesASecond: 1_000_000, lingerMs: 500 } });
  for (const [line, type] of bodies.filter(([each]) => !each.includes("nowhere"))) {
    const socket = await connected(t, server);
    socket.write(head(server, line, { "Content-Type": type, "Content-Length": 10_000 }));
    const drip = setInterval(() => socket.write("{"), 20).unref();
    const answer = await allOf(socket);
    clearInterval(drip);
    const isFile = line.startsWith("PUT");
    // What stores a file may let go of its connection at once; the last place has no owner, and takes no body.
    const told = /^HTTP\/1\.1 (408|503|400) [\s\S]*(TOO_SLOW|"error_code":408|UNAVAILABLE|Invalid path)/;
    assert.match(answer, isFile ? new RegExp(`${told.source}|^$`) : told, line);
  }
});

test("headers that come too slowly are refused", async (t) => {
  const server = await testServer(t, { limits: { headersMs: 200 } });
  const socket = await connected(t, server);
  socket.write("GET /topics HTTP/1.1\r\nHost: ");
  assert.match(await text(socket), /^HTTP\/1\.1 408 [\s\S]*TOO_SLOW/);
});

test("bodies that are handled at once have a limit together, announced or in chunks; small ones go on", async (t) => {
  const server = await testServer(t, { limits: { bytesInFlight: 100_000 } });
  const held = await connected(t, server);
  held.write(head(server, "POST /graphql HTTP/1.1", { "Content-Type": json, "Content-Length": 90_000 }));
  const query = { query: "{ __typename }", operationName: "x".repeat(20_000) };
  const send = (body: string | ReadableStream) =>
    fetch(`${server.url}/graphql`, {
      method: "POST",
      headers: { "content-type": json },
      body,
      duplex: "half",
    } as object);
  const full = async (): Promise<Response> => {
    // The first request is under way when a second one is refused.
    for (;;) {
      const response = await send(JSON.stringify(query));
      if (response.status === 503) return response;
      await response.body?.cancel();
    }
  };
  const refused = await full();
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.match(await refused.text(), /OVERLOADED/);
  const chunked = await send(new Blob([JSON.stringify(query)]).stream());
  assert.match(await chunked.text(), /OVERLOADED/);
  // Nobody reads this one, and nothing may come of that.
  const unread = { method: "POST", body: new Blob(["x".repeat(200_000)]).stream(), duplex: "half" } as RequestInit;
  const nowhere = await fetch(`${server.url}/nowhere`, unread).then(
    ({ status }) => status,
    () => 404,
  );
  assert.equal(nowhere, 404);
  assert.equal((await send(JSON.stringify({ query: "{ __typename }" }))).status, 200);
  held.destroy();
  const free = async (): Promise<Response> => {
    for (;;) {
      const response = await send(JSON.stringify(query));
      if (response.status !== 503) return response;
      await response.body?.cancel();
    }
  };
  assert.equal((await free()).status, 400);
});

test("an encoded body is refused by name, however small it is", async (t) => {
  const server = await testServer(t);
  const bomb = gzipSync(Buffer.alloc(50_000_000, " "));
  for (const [line, type] of bodies.slice(0, 7)) {
    const [method, path] = line.split(" ");
    const headers = { "content-type": type, "content-encoding": "gzip" };
    const response = await fetch(server.url + path, { method, headers, body: bomb });
    assert.equal(response.status, 400, line);
    assert.match(await response.text(), /content-encoding: gzip is not taken/, line);
  }
});
