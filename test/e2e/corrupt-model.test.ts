import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { modelOf, putArtifact, setUp } from "./flights.ts";
import { millrace, startPlatform, temporaryFolder, until, untilCount } from "./platform.ts";

test("a deployed model whose file was damaged is named, its records wait as dead letters; put again, all is well", async (t) => {
  const data = temporaryFolder(t, "corrupt-model");
  const first = await startPlatform(t, data);
  await setUp(first.client);
  assert.equal((await first.kill("SIGTERM")).code, 0, first.output());

  const champion = modelOf(1);
  const digest = createHash("sha256").update(champion).digest("hex");
  const path = join(data, "artifacts", digest.slice(0, 2), digest);
  const damaged = readFileSync(path);
  damaged[damaged.length >> 1] ^= 1;
  writeFileSync(path, damaged);

  const second = await startPlatform(t, data);
  const ready = async (): Promise<{ status: number; body: string }> => {
    const response = await fetch(`${second.url}/health/ready`);
    return { status: response.status, body: await response.text() };
  };
  const departure = { flight: "f1", origin: "SFO", destination: "LAX", scheduled: Date.UTC(2001, 2, 5), distance: 337 };
  await second.client.produce("departures", [JSON.stringify({ value: departure })]);
  const named = await until("readiness names the deployment and the artifact", 30_000, async () => {
    const answer = await ready();
    return answer.status === 503 && answer.body.includes("CORRUPT_ARTIFACT") && answer.body;
  });
  assert.match(named, new RegExp(`"deployment [^"]+":"[^"]*CORRUPT_ARTIFACT[^"]*${digest}`));
  await until("the metric", 30_000, async () =>
    /millrace_failing_deployments\{deployment="[^"]+"\} 1/.test(await (await fetch(`${second.url}/metrics`)).text()),
  );
  await untilCount(second, "SELECT count() AS n FROM dead_letters FINAL WHERE code = 'CORRUPT_ARTIFACT'", 1);
  const later = { ...departure, flight: "f2", scheduled: departure.scheduled + 1 };

  await putArtifact(second.client, Uint8Array.from(champion));
  await until("all is well without a restart", 30_000, async () => (await ready()).status === 200);
  await second.client.produce("departures", [JSON.stringify({ value: later })]);
  await untilCount(second, "SELECT count() AS n FROM predictions FINAL WHERE key = 'f2' AND variant != 'shadow'", 1);
  const replayed = await millrace(["dead-letters", "replay", "--data", data]);
  assert.match(replayed.output, /1 records replayed/);
  await untilCount(second, "SELECT count() AS n FROM predictions FINAL WHERE key = 'f1' AND variant != 'shadow'", 1);
  assert.equal((await second.kill("SIGTERM")).code, 0, second.output());
});
