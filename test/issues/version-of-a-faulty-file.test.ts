import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { problems } from "../../infra/report.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { deadLetterSchema, predictionSchema, topicOf } from "../../schemas/topics.ts";
import { type Click, eventually, openWorld, type PredictionRecord, project, stump } from "../streams/world.ts";
import { circularTree } from "../support/evil-models.ts";

const columns = [{ name: "price", from: "event.price" }];
const sound = exportBoosting(stump(0, 1, -1, 1), ["price"]);
const clicks: Click[] = [1, 2, 3].map((price, i) => ({
  id: `c${i}`,
  shop: "north",
  at: Date.UTC(2026, 0, 5) + i,
  price,
}));

/** `buy` by version 1, which the test makes faulty, and `steady` by version 2. */
const openShop = async (first: Buffer = sound, profile: Buffer | null = null) => {
  const world = await openWorld();
  const reported = problems();
  const digest = profile === null ? null : (await world.artifacts.put(profile)).digest;
  await world.version(1, first, digest, ["price"]);
  await world.version(2, exportBoosting(stump(0, 5, -1, 1), ["price"]), null, ["price"]);
  await world.deploy({ columns, outcome: null });
  const steady = [{ model: "buyers", version: 2, variant: "champion" as const, share: 1 }];
  await world.deploy({ columns, outcome: null, split: steady }, "steady");
  await world.produce("clicks", clicks);
  const predicted = async (endpoint: string): Promise<number> =>
    (await world.read<PredictionRecord>(topicOf.predictions(project, endpoint), predictionSchema)).length;
  const letters = async (): Promise<string[]> =>
    (await world.read<{ code: string }>(topicOf.deadLetters(project), deadLetterSchema)).map(({ code }) => code);
  return {
    world,
    predicted,
    letters,
    start: () => world.start({ report: reported.report }),
    problem: () => reported.current().get(`deployment ${project}/buy`),
  };
};

test("a version whose file is gone refuses its rows, and is named; the other deployment of its application goes on", async (t) => {
  const { world, predicted, letters, start, problem } = await openShop();
  t.after(() => world.close());
  const { digest } = await world.artifacts.put(sound);
  await rm(join(world.directory, "artifacts", digest.slice(0, 2), digest));
  await start();
  await eventually("the other deployment", async () => (await predicted("steady")) === 3);
  await eventually("the deployment to be named", async () => problem());
  assert.match(problem() as string, /^buyers\/1: NOT_FOUND/);
  assert.deepEqual(await letters(), ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND"]);

  await world.artifacts.put(sound);
  await eventually("the file to be found again", async () => problem() === undefined);
  await world.produce("clicks", clicks);
  await eventually("it to be scored again", async () => (await predicted("buy")) === 3);
});

test("a version that an earlier release has accepted and this one refuses is named, too", async (t) => {
  const { world, predicted, letters, start, problem } = await openShop(circularTree);
  t.after(() => world.close());
  await start();
  await eventually("the other deployment", async () => (await predicted("steady")) === 3);
  await eventually("the deployment to be named", async () => problem());
  assert.match(problem() as string, /^buyers\/1: INVALID_MODEL.*leads back/);
  assert.deepEqual(await letters(), ["INVALID_MODEL", "INVALID_MODEL", "INVALID_MODEL"]);
});

test("a version whose profile is none is scored, and named because its drift is not judged", async (t) => {
  for (const profile of [
    "no profile",
    '{"rows":1,"columns":[]}',
    '{"rows":1,"columns":[{"cuts":[null],"counts":[1,1,1]}]}',
  ]) {
    const { world, predicted, start, problem } = await openShop(sound, Buffer.from(profile));
    t.after(() => world.close());
    await start();
    await eventually(
      "both deployments",
      async () => (await predicted("steady")) === 3 && (await predicted("buy")) === 3,
    );
    await eventually("the deployment to be named", async () => problem());
    assert.match(problem() as string, /^buyers\/1: CORRUPT_ARTIFACT: The reference profile/);
    await world.stop();
  }
});
