import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { command } from "../../examples/flights/setup.ts";
import { spawnPlatform, startPlatform, temporaryFolder, until } from "../e2e/platform.ts";
import { childrenOf, isAlive } from "../support/processes.ts";
import { endsInTime, freeze, untilReady, warehouseChild } from "./processes.ts";

test("a warehouse that is stuck is killed, what waits for it is cut off, and the next start finds no lock", async (t) => {
  const data = temporaryFolder(t, "stuck");
  const platform = await startPlatform(t, data);
  await untilReady(platform);
  await command(platform.client, "createProject", { id: "kept", name: "Kept" });
  const child = warehouseChild(platform);
  freeze(t, child);
  const reading = platform.client
    .query('{ auditEvents(project: "kept") { edges { node { type } } } }')
    .catch(() => null);
  const { code, output } = await endsInTime(platform);
  await reading;
  assert.equal(code, 70, output);
  assert.match(output, /"cutOff":\[.*"warehouse"/);
  await until("the warehouse is gone", 2_000, async () => !isAlive(child));
  const next = await startPlatform(t, data);
  const { project } = await next.client.query<{ project: { name: string } }>('{ project(id: "kept") { name } }');
  assert.equal(project.name, "Kept");
  assert.equal((await endsInTime(next)).code, 0);
});

test("a second signal ends a shutdown that hangs at once, with its children", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "second"));
  await untilReady(platform);
  const child = warehouseChild(platform);
  freeze(t, child);
  platform.child.kill("SIGTERM");
  const first = performance.now();
  await until("a second signal is another one", 5_000, async () => performance.now() - first > 600);
  const { code, ms } = await endsInTime(platform, "SIGTERM", 3_000);
  assert.equal(code, 130);
  assert.ok(ms < 2_000, `${ms} ms`);
  await until("the warehouse is gone", 2_000, async () => !isAlive(child));
});

/** A server that takes connections and never says a word, as one that is stopped. */
const silentServer = async (t: TestContext): Promise<{ port: number; isAsked(): boolean }> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, isAsked: () => sockets.size > 0 };
};

test("a start that waits for an engine ends within seconds of SIGTERM, whichever engine does not answer", async (t) => {
  const engines = {
    EVENT_STORE: "kurrentdb://127.0.0.1:PORT?tls=false",
    BROKER: "kafka://127.0.0.1:PORT",
    ONLINE_STORE: "redis://127.0.0.1:PORT",
    WAREHOUSE: "http://127.0.0.1:PORT",
  };
  for (const [setting, url] of Object.entries(engines)) {
    await t.test(setting, async (t) => {
      const { port, isAsked } = await silentServer(t);
      const data = temporaryFolder(t, "silent");
      const platform = spawnPlatform(data, { [setting]: url.replace("PORT", String(port)) });
      t.after(() => platform.kill("SIGKILL"));
      await until("it waits for the engine", 60_000, async () => isAsked());
      const children = childrenOf(platform.child.pid as number);
      const { code, ms, output } = await endsInTime(platform);
      assert.equal(code, 0, output);
      assert.ok(ms < 8_000, `${ms} ms`);
      assert.doesNotMatch(output, /\n\s+at .*\.ts:\d+/, "no stack trace");
      await until("its children are gone", 2_000, async () => !children.some(isAlive));
    });
  }
});

test("SIGTERM at any moment of the start ends it cleanly and leaves no child", async (t) => {
  const data = temporaryFolder(t, "early");
  for (const afterMs of [150, 400, 700, 1_000, 1_300, 1_700, 2_200]) {
    const platform = spawnPlatform(data);
    t.after(() => platform.kill("SIGKILL"));
    const began = performance.now();
    await until(`${afterMs} ms have passed`, 10_000, async () => performance.now() - began >= afterMs);
    const children = childrenOf(platform.child.pid as number);
    const { code, output } = await endsInTime(platform);
    // Before the program has begun to run, the signal ends it by itself.
    assert.ok(code === 0 || (code === null && output === ""), `after ${afterMs} ms: ${code} ${output}`);
    await until("its children are gone", 2_000, async () => !children.some(isAlive));
  }
  const { code, output } = await endsInTime(await startPlatform(t, data));
  assert.equal(code, 0, output);
});

const helper = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

test("a process whose thread is in native code for ever ends by exitNow with its code", async () => {
  const child = fork(helper("stuck-thread.child.ts"), [], { stdio: "ignore" });
  const [code] = await once(child, "exit");
  assert.equal(code, 70);
});

test("a child that is in native code ends with its killed parent", async (t) => {
  const parent = fork(helper("stuck-parent.child.ts"), [], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  t.after(() => parent.kill("SIGKILL"));
  const [{ pid }] = (await once(parent, "message")) as [{ pid: number }];
  t.after(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
  assert.equal(isAlive(pid), true);
  parent.kill("SIGKILL");
  await until("the child is gone", 2_000, async () => !isAlive(pid));
});
