import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { modelOf, putArtifact, setUp } from "./flights.ts";
import { startPlatform, temporaryFolder, until, untilCount } from "./platform.ts";

test("a deployed model whose file was damaged stops its stream, named by its digest, until it is put again", async (t) => {
  const data = temporaryFolder(t, "corrupt-model");
  const first = await startPlatform(t, data);
  await setUp(first.client);
  assert.equal((await first.kill("SIGTERM")).code, 0);

  const champion = modelOf(1);
  const digest = createHash("sha256").update(champion).digest("hex");
  const path = join(data, "artifacts", digest.slice(0, 2), digest);
  const damaged = readFileSync(path);
  damaged[damaged.length >> 1] ^= 1;
  writeFileSync(path, damaged);

  const second = await startPlatform(t, data);
  const departure = { flight: "f1", origin: "SFO", destination: "LAX", scheduled: Date.UTC(2001, 2, 5), distance: 337 };
  await second.client.produce("departures", [JSON.stringify({ value: departure })]);
  await until("the log names the artifact", 30_000, async () =>
    new RegExp(`CORRUPT_ARTIFACT.*${digest}`).test(second.output()),
  );
  assert.deepEqual(await second.client.query("{ __typename }"), { __typename: "Query" }, "the doors stay open");

  await putArtifact(second.client, Uint8Array.from(champion));
  await untilCount(second, "SELECT count() AS n FROM predictions FINAL WHERE key = 'f1' AND variant != 'shadow'", 1);
  assert.equal((await second.kill("SIGTERM")).code, 0, second.output());
});
