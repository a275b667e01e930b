import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";
import { startPlatform, temporaryFolder, until } from "../e2e/platform.ts";
import { endsInTime, untilReady } from "./processes.ts";

const rawConnection = async (t: TestContext, url: string, bytes: string): Promise<Socket> => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
};

const open = async (t: TestContext, url: string): Promise<WebSocket> => {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  await once(socket, "open");
  return socket;
};

const initialise = JSON.stringify({ type: "connection_init" });

test("sockets that initialise twice, leave at once or never answer, and half a request's head hold no process", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "clients"));
  await untilReady(platform);

  const twice = await open(t, platform.url);
  const closed = once(twice, "close");
  twice.send(initialise);
  await once(twice, "message");
  twice.send(initialise);
  assert.equal((await closed)[0], 4429, "what graphql-transport-ws asks for");

  for (let i = 0; i < 20; i++) {
    const hasty = await open(t, platform.url);
    hasty.send(initialise, () => hasty.terminate());
    await once(hasty, "close");
  }

  const mute = await rawConnection(
    t,
    platform.url,
    [
      "GET /graphql HTTP/1.1",
      `Host: ${new URL(platform.url).host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Protocol: graphql-transport-ws",
      "\r\n",
    ].join("\r\n"),
  );
  const [answer] = await once(mute, "data");
  assert.match(String(answer), /^HTTP\/1.1 101/);
  await rawConnection(t, platform.url, `POST /graphql HTTP/1.1\r\nHost: ${new URL(platform.url).host}\r\nContent-`);

  const listening = await open(t, platform.url);
  listening.send(initialise);
  await once(listening, "message");
  const goodbye = once(listening, "close");

  const { code, ms, output } = await endsInTime(platform);
  assert.equal(code, 0, output);
  assert.ok(ms < 10_000, `${ms} ms`);
  assert.equal((await goodbye)[0], 1001, "going away");
});

test("a request whose body never comes whole is cut off, named, and told by the exit code", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "half"));
  await untilReady(platform);
  const { host } = new URL(platform.url);
  const head = `POST /topics/departures HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
  await rawConnection(t, platform.url, `${head}Content-Length: 1000\r\n\r\n{"records":[`);
  await until("the request has begun", 5_000, async () => (await fetch(`${platform.url}/health/live`)).ok);
  const { code, output } = await endsInTime(platform);
  assert.equal(code, 70, output);
  assert.match(output, /"cutOff":\["POST \/topics\/departures"\]/);
});
