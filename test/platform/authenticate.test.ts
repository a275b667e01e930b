import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "graphql-ws";
import { WebSocket } from "ws";
import { connect } from "../../examples/flights/client.ts";
import { authenticateBy, requireToken } from "../../platform/authenticate.ts";
import { rebuildByDoor } from "../../platform/cli/rebuild-by-door.ts";
import { banner } from "../../platform/cli/start.ts";
import { startPlatform } from "../../platform/platform.ts";
import { eventually } from "../streams/world.ts";
import { command, runPlatform, settingsFor, silent, temporaryFolder } from "./shop.ts";

const token = "0123456789abcdef-secret";

const listening = (host: string, environment: Record<string, string> = {}) =>
  settingsFor("unused", { HOST: host, ...environment });

test("without a token only this machine may be served, unless somebody says so", async (t) => {
  for (const host of ["127.0.0.1", "127.8.0.1", "localhost", "::1"]) requireToken(listening(host));
  for (const host of ["0.0.0.0", "::", "10.1.2.3", "127.example.org", "example.org"]) {
    assert.throws(() => requireToken(listening(host)), { code: "INVALID_SETTING", message: /Set API_TOKEN/ }, host);
    requireToken(listening(host, { API_TOKEN: token }));
    requireToken(listening(host, { ALLOW_ANONYMOUS: "true" }));
  }
  const settings = { ...settingsFor(temporaryFolder(t)), host: "0.0.0.0" };
  await assert.rejects(startPlatform(settings, silent), { code: "INVALID_SETTING" });
});

test("a token that no header can carry is refused, and the refusal does not repeat it", () => {
  for (const bad of ["short", "with a blank in it, though long", "0123456789abcdef\n"]) {
    assert.throws(
      () => settingsFor("unused", { API_TOKEN: bad }),
      (error: Error) => /API_TOKEN/.test(error.message) && !error.message.includes(bad),
    );
  }
});

test("the header must carry the token, whole and alone", async () => {
  const authenticate = authenticateBy({ apiToken: token });
  for (const authorization of [`Bearer ${token}`, `bearer  ${token} `]) {
    assert.equal((await authenticate({ headers: { authorization } })).admin, true);
  }
  const wrong = [undefined, "", token, "Bearer", `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`];
  for (const authorization of wrong) {
    await assert.rejects(authenticate({ headers: { authorization } }), { code: "UNAUTHENTICATED" });
  }
  assert.equal((await authenticateBy({ apiToken: "" })({ headers: {} })).id, "local-admin");
});

test("every door but the probes asks for the token", async (t) => {
  const { platform, settings, client } = await runPlatform(t, settingsFor(temporaryFolder(t), { API_TOKEN: token }));
  const { url } = platform;
  const status = async (method: string, path: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(url + path, { method, headers })).status;

  await eventually("the platform to be ready", async () => (await status("GET", "/health/ready")) === 200);
  for (const path of ["/health/live", "/"]) assert.equal(await status("GET", path), 200, path);
  const closed: [string, string][] = [
    ["GET", "/metrics"],
    ["GET", "/topics"],
    ["GET", "/topics/clicks/partitions/0/records"],
    ["GET", `/artifacts/${"a".repeat(64)}`],
    ["PUT", "/artifacts"],
    ["GET", "/projections"],
    ["POST", "/projections/audit/rebuild"],
  ];
  for (const [method, path] of closed) assert.equal(await status(method, path), 401, path);
  assert.equal(await status("GET", "/metrics", { authorization: "Bearer wrong" }), 401);
  const mine = { authorization: `Bearer ${token}` };
  const metrics = await (await fetch(`${url}/metrics`, { headers: mine })).text();
  assert.match(metrics, /^# TYPE millrace_denials_total counter$/m);
  assert.doesNotMatch(metrics, new RegExp(token));

  await assert.rejects(connect(url, "").query("{ __typename }"), /UNAUTHENTICATED/);
  await assert.rejects(connect(url, "").produce("clicks", ['{"value":{}}']), /401/);
  assert.deepEqual(await client.query("{ __typename }"), { __typename: "Query" });

  const signal = new AbortController().signal;
  await assert.rejects(
    rebuildByDoor("audit", { ...settings, apiToken: "" }, () => {}, signal),
    {
      code: "UNAUTHENTICATED",
    },
  );
  assert.equal((await rebuildByDoor("audit", settings, () => {}, signal)).name, "audit");
});

test("a subscription carries the token in connection_init", async (t) => {
  const { platform, client } = await runPlatform(t, settingsFor(temporaryFolder(t), { API_TOKEN: token }));
  const subscribe = (connectionParams: Record<string, string>) => {
    const socket = createClient({
      url: `${platform.url.replace(/^http/, "ws")}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams,
    });
    t.after(() => socket.dispose());
    return socket.iterate({ query: 'subscription { lifecycleEvents(project: "shop") { type } }' });
  };
  const refusal = await subscribe({})
    .next()
    .catch((error: unknown) => error);
  assert.match(JSON.stringify(refusal), /UNAUTHENTICATED/);

  await command(client, "createProject", { id: "shop", name: "Shop" });
  const events = subscribe({ authorization: `Bearer ${token}` });
  const first = events.next();
  let made = 0;
  let answered = false;
  void first.finally(() => {
    answered = true;
  });
  while (!answered) {
    await command(client, "registerModel", { id: `model-${++made}` });
  }
  assert.deepEqual((await first).value, { data: { lifecycleEvents: { type: "ModelRegistered" } } });
  await events.return?.();
});

test("the banner says who may do what, and never the token", () => {
  const warehouseAccess = { url: "http://127.0.0.1:8123", user: "default", password: "hush-hush" };
  const urls = { url: "http://127.0.0.1:4000", warehouseAccess };
  const settings = { host: "127.0.0.1", roles: ["api"] as const, apiToken: "", data: "/data", warehouse: "chdb:x" };
  assert.match(banner(urls, settings), /whoever reaches 127\.0\.0\.1 acts as/);
  const guarded = banner(urls, { ...settings, host: "0.0.0.0", apiToken: token });
  assert.match(guarded, /API_TOKEN/);
  assert.doesNotMatch(guarded, new RegExp(token));
  assert.match(guarded, /127\.0\.0\.1:8123 .*password in \/data\/warehouse-password/);
  assert.doesNotMatch(guarded, /hush/);
  const elsewhere = { ...settings, warehouse: "http://ada:hush-hush@clickhouse:8123" };
  assert.doesNotMatch(banner({ ...urls, warehouseAccess: null }, elsewhere), /hush/);
});
