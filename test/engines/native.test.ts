import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { EngineStatus } from "../../infra/native/status.ts";

const script = fileURLToPath(new URL("../../infra/native/engines.ts", import.meta.url));

type Answer = { code: number; stdout: string; stderr: string };
type Told = { engines: EngineStatus[]; variables: Record<string, string> };

/** The command with a home of its own: the engines of other tests stay as they are. */
const engines = (home: string, args: string[], variables: Record<string, string> = {}): Promise<Answer> =>
  new Promise((resolve) => {
    const env = { ...process.env, ENGINES_HOME: home, ...variables };
    execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

const redisAnswers = (url: string, request: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(`${request}\r\n`));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed without an answer")));
    socket.once("data", (data) => {
      socket.destroy();
      resolve(String(data).trim());
    });
  });

const newHome = (): string => mkdtempSync(join(tmpdir(), "millrace-engines-test-"));

describe("the engines command", () => {
  let home = "";
  before(() => {
    home = newHome();
  });
  after(() => rmSync(home, { recursive: true }));

  it("says what an engine is that nobody knows", async () => {
    const { code, stderr } = await engines(home, ["up", "oracle"]);
    assert.equal(code, 2);
    assert.match(stderr, /no engine "oracle"; there are: kafka, redis/);
  });

  it("says what to install where a program is missing, and fails only if the engine was named", async () => {
    const bare = { PATH: home, JAVA_HOME: "" };
    const named = await engines(home, ["up", "redis"], bare);
    assert.equal(named.code, 1);
    assert.match(named.stderr, /redis: did not start: not found: redis-server; .*apt-get install redis-server/);

    const { stdout } = await engines(home, ["status", "kafka", "--json"], bare);
    const told = JSON.parse(stdout) as Told;
    assert.deepEqual(
      told.engines.map(({ name, status }) => [name, status]),
      [["kafka", "unavailable"]],
    );
  });
});

const skip = process.env.REDIS_URL ? false : "REDIS_URL is not set";

describe("an engine's life", { skip }, () => {
  let home = "";
  const status = async (): Promise<Told> =>
    JSON.parse((await engines(home, ["status", "redis", "--json"])).stdout) as Told;

  before(() => {
    home = newHome();
  });
  after(async () => {
    await engines(home, ["down", "redis"]);
    rmSync(home, { recursive: true });
  });

  it("is up when the command ends, and a second up leaves it alone", async () => {
    assert.equal((await engines(home, ["up", "redis"])).code, 0);
    const first = await status();
    assert.equal(await redisAnswers(first.variables.REDIS_URL, "PING"), "+PONG");

    assert.equal((await engines(home, ["up", "redis"])).code, 0);
    assert.deepEqual(await status(), first);
  });

  it("notices that its process died, and comes up again on the same port", async () => {
    const { engines: before, variables } = await status();
    const [running] = before;
    assert.ok(running.status === "up");
    await assert.rejects(async () => {
      process.kill(running.pid, "SIGKILL");
      for (;;) await redisAnswers(variables.REDIS_URL, "PING");
    });
    const [dead] = (await status()).engines;
    assert.equal(dead.status, "died");

    assert.equal((await engines(home, ["up", "redis"])).code, 0);
    assert.deepEqual((await status()).variables, variables);
    assert.equal(await redisAnswers(variables.REDIS_URL, "PING"), "+PONG");
  });

  it("prints what a shell can evaluate", async () => {
    const { stdout } = await engines(home, ["status", "redis", "--env"]);
    assert.equal(stdout, `export REDIS_URL='${(await status()).variables.REDIS_URL}'\n`);
  });

  it("is gone with its data after down", async () => {
    assert.equal((await engines(home, ["down", "redis"])).code, 0);
    assert.deepEqual(await status(), { engines: [{ name: "redis", status: "down" }], variables: {} });
    assert.ok(!existsSync(join(home, "redis")));
  });
});
