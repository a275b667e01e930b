import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { type TestServer, testServer } from "../graphql/platform.ts";
import { openShop } from "../graphql/shop.ts";

type Message = { type: string; id?: string; payload?: unknown };

const addressOf = (server: TestServer): string => `${server.url.replace(/^http/, "ws")}/graphql`;

/** A socket that says what it is told to, after its `connection_init`. */
const speak = async (t: TestContext, server: TestServer, protocols = ["graphql-transport-ws"]) => {
  const socket = new WebSocket(addressOf(server), protocols);
  t.after(() => socket.terminate());
  const heard: Message[] = [];
  socket.on("message", (data) => heard.push(JSON.parse(String(data)) as Message));
  const closed = once(socket, "close").then(([code]) => code as number);
  await once(socket, "open");
  const say = (...messages: object[]): void => {
    for (const message of messages) socket.send(JSON.stringify(message));
  };
  /** Waits until the server has answered everything that was said before. */
  const settle = async (): Promise<void> => {
    const token = String(Math.random());
    say({ type: "ping", payload: { token } });
    const isAnswer = ({ type, payload }: Message): boolean =>
      type === "pong" && (payload as { token?: string } | undefined)?.token === token;
    while (!heard.some(isAnswer)) await once(socket, "message");
  };
  const hear = async (wanted: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const found = heard.find(wanted);
      if (found !== undefined) return found;
      await once(socket, "message");
    }
  };
  return { socket, heard, say, hear, settle, closed };
};

const init = { type: "connection_init" };
const operation = (id: string, query: string, others: object = {}) => ({
  type: "subscribe",
  id,
  payload: { query, ...others },
});

test("queries and mutations run over the socket, and end with complete", async (t) => {
  const server = await testServer(t);
  const client = createClient({ url: addressOf(server), webSocketImpl: WebSocket, retryAttempts: 0 });
  t.after(() => client.dispose());
  const results = async (query: string, variables?: Record<string, unknown>): Promise<unknown[]> => {
    const found: unknown[] = [];
    for await (const { data, errors } of client.iterate({ query, variables })) found.push(errors ?? data);
    return found;
  };
  const create = 'mutation ($id: String!) { createProject(input: { id: $id, name: "Shop" }) { deduplicated } }';
  assert.deepEqual(await results(create, { id: "shop" }), [{ createProject: { deduplicated: false } }]);
  for (const _ of [1, 2, 3]) assert.deepEqual(await results("{ projects { total } }"), [{ projects: { total: 1 } }]);
  const [[error]] = (await results(create, { id: "No Slug" })) as { extensions: { code: string } }[][];
  assert.equal(error.extensions.code, "BAD_REQUEST");
  await assert.rejects(results("{ nothing }"), ([{ extensions }]: { extensions: { code: string } }[]) => {
    return extensions.code === "BAD_REQUEST";
  });
});

test("who may not, may not over a socket either", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const { say, hear } = await speak(t, server);
  say({ ...init, payload: { authorization: "Bearer ann" } });
  const models = 'query { models(project: "shop") { total } }';
  say(
    operation("q", models),
    operation("m", 'mutation { renameProject(project: "shop", input: { name: "x" }) { deduplicated } }'),
  );
  for (const id of ["q", "m"]) {
    const { payload } = await hear((message) => message.id === id && message.type === "next");
    const { errors } = payload as { errors: { extensions: { code: string } }[] };
    assert.equal(errors[0].extensions.code, "FORBIDDEN");
  }
});

test("an operation that is completed while it begins says nothing more, and its id is free at once", async (t) => {
  const { promise: allowed, resolve: allow } = Promise.withResolvers<void>();
  let asked = 0;
  const server = await testServer(t);
  const { authenticate } = server.deps;
  server.deps.authenticate = async (credentials) => {
    if (asked++ === 0) await allowed;
    return authenticate(credentials);
  };
  const { say, hear, heard, settle } = await speak(t, server);
  const lifecycle = 'subscription { lifecycleEvents(project: "shop") { type } }';
  say(init, operation("1", lifecycle), { type: "complete", id: "1" }, operation("1", "{ __typename }"));
  await hear(({ type, id }) => type === "complete" && id === "1");
  allow();
  await server.data('mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }');
  await settle();
  const told = heard.filter(({ id }) => id === "1").map(({ type }) => type);
  assert.deepEqual(told, ["next", "complete"]);
});

test("the legacy protocol is closed with 4406, and among several the right one is taken", async (t) => {
  const server = await testServer(t);
  assert.equal(await (await speak(t, server, ["graphql-ws"])).closed, 4406);
  assert.equal(await (await speak(t, server, [])).closed, 4406);
  const { socket, say, hear } = await speak(t, server, ["graphql-ws", "graphql-transport-ws"]);
  assert.equal(socket.protocol, "graphql-transport-ws");
  say(init);
  await hear(({ type }) => type === "connection_ack");
});

test("a ping is answered with its payload, before and after connection_init; unknown messages close with 4400", async (t) => {
  const server = await testServer(t);
  const { say, hear, settle, closed } = await speak(t, server);
  await settle();
  say(init, { type: "ping" });
  assert.deepEqual(await hear(({ type, payload }) => type === "pong" && payload === undefined), { type: "pong" });
  say({ type: "start", id: "1", payload: { query: "{ __typename }" } });
  assert.equal(await closed, 4400);
});

test("completing what is not there is no error", async (t) => {
  const server = await testServer(t);
  const { say, settle, heard } = await speak(t, server);
  say(init, { type: "complete", id: "none" }, { type: "pong" });
  await settle();
  assert.deepEqual(
    heard.map(({ type }) => type),
    ["connection_ack", "pong"],
  );
});
