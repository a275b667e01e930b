import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

type Made<Name extends string, Field extends string> = Record<Name, Record<Field, Record<string, unknown>>>;

for (const jit of [0, 1]) {
  const mode = jit === 0 ? "interpreted" : "compiled";

  test(`${mode}: a run from its start to its lists`, async (t) => {
    const server = await testServer(t, { jit });
    await openShop(server);
    const { createExperiment } = await server.data<Made<"createExperiment", "experiment">>(
      `mutation { createExperiment(project: "shop", input: { name: "trees", tags: { team: "a" } }) {
        experiment { slug name status tags } } }`,
    );
    const { slug: experiment, ...rest } = createExperiment.experiment;
    assert.deepEqual(rest, { name: "trees", status: "active", tags: { team: "a" } });

    const { createRun } = await server.data<Made<"createRun", "run">>(
      `mutation ($input: CreateRunInput!) { createRun(project: "shop", input: $input) {
        run { slug name status startTime endTime lifecycle } } }`,
      { input: { experiment, name: "first", startTime: 1000 } },
    );
    const { slug: id, ...begun } = createRun.run;
    const startTime = "1970-01-01T00:00:01.000Z";
    assert.deepEqual(begun, { name: "first", status: "RUNNING", startTime, endTime: null, lifecycle: "active" });

    const { logRunBatch } = await server.data<Made<"logRunBatch", "run">>(
      `mutation ($input: LogRunBatchInput!) { logRunBatch(project: "shop", input: $input) { run { params tags } } }`,
      { input: { id, params: { depth: "6" }, tags: { team: "a" } } },
    );
    const tags = { "mlflow.runName": "first", team: "a" };
    assert.deepEqual(logRunBatch.run, { params: { depth: "6" }, tags });

    const dataset = { name: "flights", digest: "1f", sourceType: "local", source: "{}" };
    await server.data(
      `mutation ($input: LogRunInputsInput!) { logRunInputs(project: "shop", input: $input) { events } }`,
      { input: { id, datasets: [dataset] } },
    );
    const found = await server.data<{ run: unknown; runs: { total: number; edges: unknown[] }; none: unknown }>(
      `query ($id: String!, $experiment: String) {
        run(project: "shop", id: $id) { inputs { datasets { name schema tags } models } outputs { model step } }
        runs(project: "shop", experiment: $experiment) { total edges { node { slug } } }
        none: runs(project: "shop", experiment: "1") { total edges { node { slug } } }
      }`,
      { id, experiment },
    );
    assert.deepEqual(found, {
      run: { inputs: { datasets: [{ name: "flights", schema: null, tags: {} }], models: [] }, outputs: [] },
      runs: { total: 1, edges: [{ node: { slug: id } }] },
      none: { total: 0, edges: [] },
    });
  });
}
