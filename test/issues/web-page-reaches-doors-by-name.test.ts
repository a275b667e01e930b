import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type TestServer, testServer } from "../graphql/platform.ts";

type Answer = { status: number; headers: IncomingHttpHeaders; body: string };

/** `fetch` sets Host and Sec-Fetch headers itself; a page's browser and a rebound name set others. */
const send = async (server: TestServer, path: string, headers: Record<string, string>, method = "GET") => {
  const asked = request(server.url + path, { method, headers });
  asked.end();
  const [response] = await once(asked, "response");
  return { status: response.statusCode, headers: response.headers, body: await text(response) } as Answer;
};

const refused = async (
  server: TestServer,
  ...call: [path: string, headers: Record<string, string>, method?: string]
) => {
  const { status, body } = await send(server, ...call);
  assert.equal(status, 403, `${JSON.stringify(call)}: ${status} ${body}`);
  assert.match(body, /FORBIDDEN|PERMISSION_DENIED|"error_code":403/);
};

const paths = [
  "/",
  "/metrics",
  "/topics",
  "/graphql?query={__typename}",
  "/registry/subjects",
  `/artifacts/${"0".repeat(64)}`,
  "/version",
  "/api/2.0/mlflow/experiments/search",
  "/projects/shop/api/2.0/mlflow/experiments/search",
  "/api/2.0/mlflow-artifacts/artifacts",
  "/nowhere",
];

test("a name that is pointed at this machine (DNS rebinding) reaches no door, whatever Origin says", async (t) => {
  const server = await testServer(t);
  const { port } = new URL(server.url);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    `localhost:${+port + 1}`,
    "localhost",
    `127.0.0.1.evil.example:${port}`,
  ]) {
    for (const path of paths) await refused(server, path, { host });
  }
  const host = `evil.example:${port}`;
  for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const { status } = await send(server, "/topics/orders", { host, origin: `http://${host}` }, method);
    assert.equal(status, 403, method);
  }
});

test("a page of another site reaches no door by images, scripts, forms or fetches", async (t) => {
  const server = await testServer(t);
  for (const path of paths) {
    for (const site of ["cross-site", "same-site", "cross-site, none"]) {
      await refused(server, path, { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" });
    }
    for (const origin of ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1", "garbage"]) {
      await refused(server, path, { origin });
    }
  }
});

test("a link on any page may lead to the list of doors, in a window of its own", async (t) => {
  const server = await testServer(t);
  const navigation = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  assert.equal((await send(server, "/", navigation)).status, 200);
  await refused(server, "/", { ...navigation, "sec-fetch-dest": "iframe" });
  await refused(server, "/", { ...navigation, host: "evil.example" });
  await refused(server, "/metrics", navigation);
});

test("the loopback names and the platform's own pages reach every door; a probe may call the process by any name", async (t) => {
  const server = await testServer(t);
  const { port } = new URL(server.url);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
    const own = { host, origin: `http://${host.toLowerCase()}`, "sec-fetch-site": "same-origin" };
    assert.equal((await send(server, "/topics", own)).status, 200, host);
  }
  for (const path of ["/health/live", "/health/ready", "/health"]) {
    assert.equal((await send(server, path, { host: "10.1.2.3:4000" })).status, 200, path);
  }
});

test("a socket is opened neither for another page nor under another name", async (t) => {
  const server = await testServer(t);
  const url = `${server.url.replace(/^http/, "ws")}/graphql`;
  const { port } = new URL(server.url);
  const strangers = [
    { origin: "https://evil.example" },
    { origin: `http://evil.example:${port}`, headers: { host: `evil.example:${port}` } },
    { headers: { host: `evil.example:${port}` } },
    { headers: { "sec-fetch-site": "cross-site" } },
  ];
  for (const options of strangers) {
    const foreign = new WebSocket(url, "graphql-transport-ws", options);
    const [error] = await once(foreign, "error");
    assert.match((error as Error).message, /403/);
  }
});

test("the connection of a refused socket ends, also at a route that has none", async (t) => {
  const server = await testServer(t);
  const headers = { connection: "Upgrade", upgrade: "websocket" };
  for (const path of ["/topics", "/nowhere", "/health/live", "/graphql"]) {
    const asked = request(server.url + path, { headers: path === "/graphql" ? { ...headers, host: "evil" } : headers });
    asked.end();
    const [response] = await once(asked, "response");
    const closed = once(response.socket, "close");
    await text(response);
    await closed;
  }
});
