import assert from "node:assert/strict";
import { test } from "node:test";
import { problems } from "../../infra/report.ts";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { deadLetterSchema, predictionSchema, topicOf } from "../../schemas/topics.ts";
import {
  type Click,
  eventually,
  openWorld,
  type PredictionRecord,
  project,
  stump,
  type World,
} from "../streams/world.ts";
import { hugeByInput, loopByInput } from "../support/evil-models.ts";

const columns = [{ name: "price", from: "event.price" }];
const at = Date.UTC(2026, 0, 5);
const clicksOf = (prices: readonly number[], first = 0): Click[] =>
  prices.map((price, i) => ({ id: `c${first + i}`, shop: "north", at: at + (first + i) * 1000, price }));

type Letter = { stage: string; code: string; message: string; offset: number };
const letters = (world: World): Promise<Letter[]> => world.read<Letter>(topicOf.deadLetters(project), deadLetterSchema);
const predictionsOf = (world: World, endpoint: string): Promise<PredictionRecord[]> =>
  world.read<PredictionRecord>(topicOf.predictions(project, endpoint), predictionSchema);

/** Two deployments of one application: `buy` by the stranger's model, `steady` by trees. */
const openShop = async (onnx: Buffer) => {
  const world = await openWorld({ scoreTimeoutMs: 500 });
  const reported = problems();
  await world.version(1, onnx, null, ["price"]);
  await world.version(2, exportBoosting(stump(0, 1, -1, 1), ["price"]), null, ["price"]);
  await world.deploy({ columns, outcome: null });
  await world.deploy(
    { columns, outcome: null, split: [{ model: "buyers", version: 2, variant: "champion", share: 1 }] },
    "steady",
  );
  const start = () => world.start({ report: reported.report });
  return { world, start, problem: () => reported.current().get(`deployment ${project}/buy`) };
};

test("a row on which a model never ends is a dead letter, and its neighbours and the other deployment are predicted", async (t) => {
  const { world, start, problem } = await openShop(loopByInput);
  t.after(() => world.close());
  await world.produce("clicks", clicksOf([1, 2, 1e12, 3, 4]));
  await start();
  await eventually(
    "five predictions of the other deployment",
    async () => (await predictionsOf(world, "steady")).length === 5,
  );
  const predictions = await predictionsOf(world, "buy");
  assert.deepEqual(
    predictions.map(({ output }) => output),
    [2, 4, 6, 8],
  );
  const [letter, ...more] = await letters(world);
  assert.deepEqual(more, []);
  assert.deepEqual(
    { stage: letter.stage, code: letter.code, offset: letter.offset },
    { stage: "score", code: "SCORE_TIMEOUT", offset: 2 },
  );
  assert.match(letter.message, /longer than 500 ms \(MODEL_SCORE_TIMEOUT_MS\)/);
  assert.equal(problem(), undefined, "one row is no failure of the deployment");
});

test("a model that never ends on row after row is given up and named; others go on, also after a restart; a new revision is scored again", async (t) => {
  const { world, start, problem } = await openShop(loopByInput);
  t.after(() => world.close());
  await world.produce("clicks", clicksOf([1, 1e12, 1e12, 1e12, 1e12, 1e12, 2]));
  await start();
  await eventually("the other deployment", async () => (await predictionsOf(world, "steady")).length === 7);
  await eventually("the deployment to be named", async () => problem());
  assert.match(problem() as string, /buyers\/1: SCORE_TIMEOUT.*on 3 rows.*until its deployment is changed/);
  assert.deepEqual(
    (await predictionsOf(world, "buy")).map(({ output }) => output),
    [2],
  );
  assert.deepEqual(
    (await letters(world)).map(({ offset }) => offset),
    [1, 2, 3, 4, 5, 6],
    "no record is lost",
  );

  await world.stop();
  await world.produce("clicks", clicksOf([1e12, 3], 7));
  await start();
  await eventually("what came meanwhile", async () => (await predictionsOf(world, "steady")).length === 9);
  assert.deepEqual(
    (await predictionsOf(world, "buy")).map(({ output }) => output),
    [2, 6],
  );

  await world.produce("clicks", clicksOf([1e12, 1e12], 9));
  await eventually("the deployment to be named again", async () => problem());
  await world.append("deployment", "buy", {
    type: "TrafficChanged",
    data: { split: [{ model: "buyers", version: 1, variant: "champion", share: 1 }] },
  });
  await world.produce("clicks", clicksOf([4], 11));
  await eventually("the new revision to be scored", async () =>
    (await predictionsOf(world, "buy")).some(({ output }) => output === 8),
  );
  await eventually("nothing to be wrong any more", async () => problem() === undefined);
});

test("a row on which a model wants all memory is a dead letter", async (t) => {
  const { world, start } = await openShop(hugeByInput);
  t.after(() => world.close());
  await world.produce("clicks", clicksOf([1, 8e9, 2]));
  await start();
  await eventually("the other deployment", async () => (await predictionsOf(world, "steady")).length === 3);
  assert.deepEqual(
    (await predictionsOf(world, "buy")).map(({ output }) => output),
    [2, 4],
  );
  assert.deepEqual(
    (await letters(world)).map(({ code, offset }) => ({ code, offset })),
    [{ code: "SCORING_FAILED", offset: 1 }],
  );
});
