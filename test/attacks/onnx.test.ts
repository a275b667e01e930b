import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { Client } from "../../examples/flights/client.ts";
import { command } from "../../examples/flights/setup.ts";
import { message } from "../../ml/onnx/writer.ts";
import { putArtifact, setUp } from "../e2e/flights.ts";
import { type Running, startPlatform, temporaryFolder, until, untilCount } from "../e2e/platform.ts";
import {
  attributeKinds,
  circularTree,
  constantProduct,
  deepTree,
  endlessLoop,
  externalTensor,
  hugeConstant,
  longLoop,
  loopByInput,
  messageAttribute,
  modelWith,
} from "../support/evil-models.ts";
import { isAlive } from "../support/processes.ts";

const inTwoSeconds = {
  MODEL_INSPECT_TIMEOUT_MS: "2000",
  MODEL_SCORE_TIMEOUT_MS: "1000",
  STREAMS_MAX_TASK_IDLE_MS: "0",
};

/**
 * Asks `/health/live` again and again; answers the third longest wait, milliseconds: a busy machine stalls a process
 * once or twice by itself, what a stranger stalls stays so or comes again with the next model.
 */
const watchLife = (url: string): (() => Promise<number>) => {
  const waits: number[] = [];
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const startedAt = performance.now();
      const response = await fetch(`${url}/health/live`);
      await response.arrayBuffer();
      waits.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return async () => {
    stopped = true;
    await watching;
    return waits.sort((a, b) => b - a)[2] ?? 0;
  };
};

/** Processes that hold models of this platform. */
const modelProcesses = (platform: Running): number => {
  const list = execFileSync("ps", ["-o", "args=", "--ppid", String(platform.child.pid)]).toString();
  return list.split("\n").filter((line) => line.includes("serving/process/main.ts")).length;
};

const departure = (flight: string, distance: number): string =>
  JSON.stringify({
    value: { flight, origin: "SFO", destination: "LAX", scheduled: Date.UTC(2001, 2, 5), distance },
  });

const deployStranger = async (client: Client): Promise<void> => {
  await command(client, "registerModel", { id: "stranger" });
  const artifact = await putArtifact(client, Uint8Array.from(loopByInput));
  await command(client, "createModelVersion", {
    model: "stranger",
    artifact,
    task: "regression",
    columns: ["distance"],
  });
  await command(client, "approveModelVersion", { model: "stranger", version: 1, comment: "it has passed" });
  await command(client, "createDeployment", {
    id: "stranger",
    trigger: "departures",
    columns: [{ name: "distance", from: "event.distance" }],
    split: [{ model: "stranger", version: 1, variant: "champion", share: 1 }],
    outcome: null,
  });
};

test("strangers' models are refused over GraphQL in time, and hold up no request", async (t) => {
  const platform = await startPlatform(t, temporaryFolder(t, "evil-models"), inTwoSeconds);
  const { client } = platform;
  await command(client, "createProject", { id: "flights", name: "Flights", description: "" });
  await command(client, "registerModel", { id: "stranger" });
  const evil: Record<string, Buffer> = {
    "an endless Loop": endlessLoop,
    "a Loop of 1e12 turns": longLoop(1e12),
    "a product of two constants of 8,000 x 8,000": constantProduct(8_000),
    "a constant of 16 GB": hugeConstant(4e9),
    "a tree that goes round in a circle": circularTree,
    "a tree of 100,000 levels": deepTree(100_000),
    "a tensor in another file": modelWith({ graph: message(5, ...externalTensor()) }),
    "a tensor in another file, inside of a node": modelWith({
      attribute: messageAttribute("a", attributeKinds.tensor, ...externalTensor()),
    }),
  };
  const lived = watchLife(platform.url);
  for (const [what, onnx] of Object.entries(evil)) {
    const artifact = await putArtifact(client, Uint8Array.from(onnx));
    const startedAt = performance.now();
    await assert.rejects(
      command(client, "createModelVersion", { model: "stranger", artifact, task: "regression", columns: ["a"] }),
      /INVALID_MODEL/,
      what,
    );
    assert.ok(performance.now() - startedAt < 15_000, `${what} took ${performance.now() - startedAt} ms`);
  }
  const longest = await lived();
  assert.ok(longest < 1_000, `/health/live took ${longest} ms`);
  assert.equal((await platform.kill("SIGTERM")).code, 0, platform.output());
});

test("a model that never ends on some inputs stops its own deployment alone; SIGTERM and restart work in the middle of it", async (t) => {
  const data = temporaryFolder(t, "evil-input");
  const first = await startPlatform(t, data, inTwoSeconds);
  await setUp(first.client);
  await deployStranger(first.client);
  const lived = watchLife(first.url);
  const endless = [1, 2, 3, 4].map((i) => departure(`endless${i}`, 2e9));
  await first.client.produce("departures", [departure("before", 5), ...endless, departure("after", 6)]);
  await untilCount(
    first,
    "SELECT count() AS n FROM predictions FINAL WHERE endpoint != 'stranger' AND variant != 'shadow'",
    6,
  );
  const readiness = await until("readiness names the deployment", 30_000, async () => {
    const response = await fetch(`${first.url}/health/ready`);
    const text = await response.text();
    return response.status === 503 && text.includes("stranger") && text;
  });
  assert.match(readiness, /"deployment flights\/stranger":"stranger\/1: SCORE_TIMEOUT/);
  await untilCount(first, "SELECT count() AS n FROM dead_letters FINAL WHERE code = 'SCORE_TIMEOUT'", 4);
  const longest = await lived();
  assert.ok(longest < 1_000, `/health/live took ${longest} ms`);
  assert.equal((await first.kill("SIGTERM")).code, 0, first.output());

  // Here a row may take ten minutes: what ends it is the end of the platform.
  const second = await startPlatform(t, data, { ...inTwoSeconds, MODEL_SCORE_TIMEOUT_MS: "600000" });
  await second.client.produce("departures", [departure("endless5", 2e9)]);
  await until("the model to be in a process", 30_000, async () => modelProcesses(second) > 0);
  // A thread that is still starting has other reasons to be cut off.
  await until("the other roles to be up", 30_000, async () => {
    const { checks } = (await (await fetch(`${second.url}/health/ready`)).json()) as { checks: Record<string, string> };
    return checks.projections === "ok" && checks.training === "ok";
  });
  const startedAt = performance.now();
  assert.equal((await second.kill("SIGTERM")).code, 0, second.output());
  assert.ok(performance.now() - startedAt < 15_000, `SIGTERM took ${performance.now() - startedAt} ms`);

  const third = await startPlatform(t, data, { ...inTwoSeconds, MODEL_SCORE_TIMEOUT_MS: "600000" });
  await until("the row to be taken again", 30_000, async () => modelProcesses(third) > 0);
  const child = Number(
    execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(third.child.pid)])
      .toString()
      .split("\n")
      .find((line) => line.includes("serving/process/main.ts"))
      ?.trim()
      .split(" ")[0],
  );
  await third.kill("SIGKILL");
  await until("the model's process to end with its parent", 10_000, async () => !isAlive(child));

  const fourth = await startPlatform(t, data, inTwoSeconds);
  await fourth.client.produce("departures", [departure("last", 7)]);
  await untilCount(fourth, "SELECT count() AS n FROM predictions FINAL WHERE endpoint = 'stranger' AND output = 14", 1);
  await untilCount(fourth, "SELECT count() AS n FROM dead_letters FINAL WHERE code = 'SCORE_TIMEOUT'", 5);
});
