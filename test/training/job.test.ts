import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeProfile } from "../../ml/drift/profile.ts";
import { openScorer } from "../../ml/onnx/session.ts";
import { type JobProgress, runTrainingJob } from "../../training/job.ts";
import { jobProcess } from "../../training/runner.ts";
import { flights, history, project, START, spec } from "./history.ts";

const job = { id: "job-1", project, spec };

test("a job makes a model, its metrics on the newest rows, its profile and its lineage", async (t) => {
  const past = await history(t);
  await past.take(flights(400));
  const progress: JobProgress[] = [];
  const model = await runTrainingJob(job, { ...past, workers: 1, onProgress: (step) => progress.push(step) });

  assert.equal(model.rows, 400);
  assert.deepEqual(model.columns, ["distance", "hour", "mean3h", "count24h"]);
  assert.equal(model.metrics.validationRows, 100);
  assert.ok(model.metrics.auc > 0.8, `auc ${model.metrics.auc}`);
  assert.ok(model.metrics.logLoss < 0.6);
  assert.deepEqual(
    { ...model.lineage, positions: Object.values(model.lineage.positions).sort() },
    {
      trainingJob: "job-1",
      from: START,
      to: spec.to,
      rows: 400,
      sources: ["departures", "arrivals"],
      views: [{ view: "airport", version: 1 }],
      positions: [200, 200, 200, 200],
      code: null,
      run: null,
      datasets: [],
    },
  );
  const profile = decodeProfile(await past.artifacts.read(model.profile));
  assert.equal(profile.rows, 400);
  assert.deepEqual(
    profile.columns.map(({ name }) => name),
    [...model.columns, "prediction"],
  );
  const scorer = await openScorer(await past.artifacts.read(model.artifact));
  assert.equal(scorer.columns, 4);
  await scorer.close();
  assert.deepEqual([...new Set(progress.map(({ phase }) => phase))], ["dataset", "training", "storing"]);

  const again = await runTrainingJob(job, { ...past, workers: 2, onProgress: () => {} });
  assert.equal(again.artifact, model.artifact);
});

test("a job also measures its model on a later range, which it has not learned from", async (t) => {
  const past = await history(t);
  await past.take(flights(400));
  const middle = START + 250 * 600_000;
  const evaluated = { ...spec, to: middle, evaluation: { from: middle, to: spec.to } };
  const model = await runTrainingJob({ ...job, spec: evaluated }, { ...past, workers: 1, onProgress: () => {} });
  assert.equal(model.rows + model.metrics["evaluation.rows"], 400);
  assert.ok(model.metrics["evaluation.auc"] > 0.7, `auc ${model.metrics["evaluation.auc"]}`);
});

test("a job in a process of its own gives the same model, fails with a code, and ends when it is cancelled", async (t) => {
  const past = await history(t);
  await past.take(flights(120));
  const run = jobProcess(past.engines, 1);
  const here = await runTrainingJob(job, { ...past, workers: 1, onProgress: () => {} });
  const phases = new Set<string>();
  const there = await run(job, { onProgress: ({ phase }) => phases.add(phase), signal: new AbortController().signal });
  assert.deepEqual(there, here);
  assert.ok(phases.has("training"));

  const hopeless = { ...job, spec: { ...spec, trigger: "landings" } };
  await assert.rejects(run(hopeless, { onProgress: () => {}, signal: new AbortController().signal }), {
    code: "TRAINING_FAILED",
    message: /landings does not exist/,
  });

  const stop = new AbortController();
  const cancelled = run(
    { ...job, spec: { ...spec, parameters: { ...spec.parameters, trees: 5000 } } },
    {
      onProgress: ({ phase }) => phase === "training" && stop.abort(new Error("changed my mind")),
      signal: stop.signal,
    },
  );
  await assert.rejects(cancelled, /changed my mind/);
});
