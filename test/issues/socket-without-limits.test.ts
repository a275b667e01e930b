import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { parse } from "graphql";
import { WebSocket } from "ws";
import { type TestServer, testServer } from "../graphql/platform.ts";
import { openShop } from "../graphql/shop.ts";

type Message = { type: string; id?: string; payload?: { message: string; extensions?: { code?: string } }[] };

/** A socket that says what it is told to. */
const speak = async (t: TestContext, server: TestServer, protocol = "graphql-transport-ws") => {
  const socket = new WebSocket(`${server.url.replace(/^http/, "ws")}/graphql`, protocol);
  t.after(() => socket.terminate());
  const messages: Message[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data)) as Message));
  const closed = once(socket, "close").then(([code]) => code as number);
  await once(socket, "open");
  const say = (message: unknown): void =>
    socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  /** The next message that is of this kind. */
  const hear = async (wanted: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const found = messages.find(wanted);
      if (found !== undefined) return found;
      await once(socket, "message");
    }
  };
  return { socket, messages, say, hear, closed };
};

const opened = async (...given: Parameters<typeof speak>) => {
  const talk = await speak(...given);
  talk.say({ type: "connection_init" });
  await talk.hear(({ type }) => type === "connection_ack");
  return talk;
};

const alerts = 'subscription { alerts(project: "shop") { slug } }';
const subscribe = (id: unknown, payload: unknown = { query: alerts }) => ({ type: "subscribe", id, payload });

test("what the protocol forbids closes the socket with the protocol's code", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const closes: [name: string, code: number, say: unknown[]][] = [
    ["no JSON", 4400, ["{"]],
    ["a list", 4400, ["[]"]],
    ["no type", 4400, [{ id: "1" }]],
    ["3,000 levels", 4400, [`{"type":"subscribe","payload":${"[".repeat(3000)}${"]".repeat(3000)}}`]],
    ["a prototype", 4400, ['{"type":"ping","payload":{"__proto__":{"a":1}}}']],
    ["a payload of another type", 4400, [{ type: "connection_init", payload: "x" }]],
    ["two connection_init", 4429, [{ type: "connection_init" }, { type: "connection_init" }]],
    ["a subscription before connection_init", 4401, [subscribe("1")]],
    ["a subscription without an id", 4400, [{ type: "connection_init" }, subscribe(undefined)]],
    ["an id that is a number", 4400, [{ type: "connection_init" }, subscribe(1)]],
    ["an id that is too long", 4400, [{ type: "connection_init" }, subscribe("x".repeat(300))]],
    ["one id twice", 4409, [{ type: "connection_init" }, subscribe("1"), subscribe("1")]],
    ["a message that is too large", 1009, [{ type: "connection_init", payload: { x: "x".repeat(300_000) } }]],
  ];
  for (const [name, code, messages] of closes) {
    const { say, closed } = await speak(t, server);
    for (const message of messages) say(message);
    assert.equal(await closed, code, name);
  }
});

test("a socket that never says connection_init is closed", async (t) => {
  const server = await testServer(t, { limits: { initMs: 50 } });
  const { closed } = await speak(t, server);
  assert.equal(await closed, 4408);
});

test("a subscription is refused with a code where its document is too much, or none", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const { say, hear, socket } = await opened(t, server);
  const refusals: [payload: unknown, code: string][] = [
    [{}, "BAD_REQUEST"],
    [{ query: null }, "BAD_REQUEST"],
    [{ query: parse(alerts) }, "BAD_REQUEST"],
    [{ query: "{" }, "BAD_REQUEST"],
    [{ query: `subscription ${"{a".repeat(3000)}${"}".repeat(3000)}` }, "QUERY_TOO_DEEP"],
    [{ query: `subscription{${Array.from({ length: 11_000 }, () => "a").join(" ")}}` }, "BAD_REQUEST"],
    [{ query: `#${"x".repeat(150_000)}` }, "BAD_REQUEST"],
    [{ query: "fragment A on Query { __typename }" }, "BAD_REQUEST"],
    [{ query: alerts, operationName: "Other" }, "BAD_REQUEST"],
    [{ query: alerts, variables: [] }, "BAD_REQUEST"],
    [{ query: "subscription ($p: ID!) { alerts(project: $p) { slug } }" }, "BAD_REQUEST"],
    [
      {
        query:
          'subscription { alerts(project: "shop") { ...A } } fragment A on Alert { ...B } fragment B on Alert { ...A }',
      },
      "BAD_REQUEST",
    ],
    [
      {
        query: `subscription { alerts(project: "shop") { ${Array.from({ length: 1500 }, (_, i) => `a${i}: slug`).join(" ")} } }`,
      },
      "QUERY_TOO_COSTLY",
    ],
  ];
  for (const [i, [payload, code]] of refusals.entries()) {
    say(subscribe(`${i}`, payload));
    const { type, payload: told } = await hear(({ id }) => id === `${i}`);
    assert.deepEqual([type, told?.[0].extensions?.code], ["error", code], JSON.stringify(payload).slice(0, 100));
  }
  assert.equal(socket.readyState, WebSocket.OPEN);
});

test("subscriptions have a limit for each socket and for all, and one that has ended makes room", async (t) => {
  const server = await testServer(t, { limits: { perSocket: 2, subscriptions: 3 } });
  await openShop(server);
  const [one, other] = [await opened(t, server), await opened(t, server)];
  const refused = async ({ hear }: typeof one, wanted: string): Promise<unknown> =>
    (await hear(({ id }) => id === wanted)).payload?.[0].extensions?.code;
  let pings = 0;
  /** Ids that were refused until now: a socket's messages are answered in their order. */
  const refusedOf = async ({ say, hear, messages }: typeof one): Promise<unknown[]> => {
    const pongs = messages.filter(({ type }) => type === "pong").length;
    say({ type: "ping", id: `${++pings}` });
    await hear(({ type }) => type === "pong" && messages.filter((each) => each.type === "pong").length > pongs);
    return messages.filter(({ type }) => type === "error").map(({ id }) => id);
  };
  for (const id of ["a", "b", "c"]) one.say(subscribe(id));
  assert.equal(await refused(one, "c"), "OVERLOADED");
  for (const id of ["a", "b"]) other.say(subscribe(id));
  assert.equal(await refused(other, "b"), "OVERLOADED");
  one.say({ type: "complete", id: "a" });
  assert.deepEqual(await refusedOf(one), ["c"]);
  other.say(subscribe("d"));
  assert.deepEqual(await refusedOf(other), ["b"]);
  one.socket.close();
  await one.closed;
  other.say({ type: "complete", id: "a" });
  for (const id of ["e", "f"]) other.say(subscribe(id));
  assert.deepEqual(await refusedOf(other), ["b", "f"]);
});

test("sockets have a limit", async (t) => {
  const server = await testServer(t, { limits: { sockets: 1 } });
  const first = await opened(t, server);
  const second = await speak(t, server);
  assert.equal(await second.closed, 1013);
  first.socket.close();
  await first.closed;
});
