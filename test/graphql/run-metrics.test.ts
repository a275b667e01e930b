import assert from "node:assert/strict";
import { test } from "node:test";
import { runPlatform, settingsFor, temporaryFolder } from "../platform/shop.ts";

type Point = { key: string; value: number | null; text: string; step: number; timestamp: number };
type Runs = { runs: { edges: { node: { name: string; metrics: Point[] } }[] } };
type History = { run: { metricHistory: { points: Point[]; endCursor: string | null } } };

test("metrics of runs, and the history of one, beside their parameters", async (t) => {
  const { client, platform } = await runPlatform(t, settingsFor(temporaryFolder(t)));
  const post = async (path: string, input: object): Promise<Record<string, unknown>> => {
    const response = await fetch(`${platform.url}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(input),
    });
    assert.equal(response.status, 200);
    return (await response.json()) as Record<string, unknown>;
  };
  const newRun = async (run_name: string): Promise<string> =>
    ((await post("runs/create", { run_name })).run as { info: { run_id: string } }).info.run_id;
  const [first, second] = [await newRun("first"), await newRun("second")];
  await newRun("none");
  const loss = Array.from({ length: 5 }, (_, i) => ({ key: "loss", value: i / 2, timestamp: 1000 + i, step: i }));
  await post("runs/log-batch", { run_id: first, metrics: loss });
  await post("runs/log-metric", { run_id: first, key: "bad", value: "NaN", timestamp: 1, step: 0 });
  await post("runs/log-metric", { run_id: second, key: "loss", value: 7, timestamp: 1, step: 3 });

  const list = '{ runs(project: "default") { edges { node { name metrics { key value text step timestamp } } } } }';
  const { runs } = await client.query<Runs>(list);
  const shown = Object.fromEntries(runs.edges.map(({ node }) => [node.name, node.metrics]));
  assert.deepEqual(shown, {
    first: [
      { key: "bad", value: null, text: "NaN", step: 0, timestamp: 1 },
      { key: "loss", value: 2, text: "2", step: 4, timestamp: 1004 },
    ],
    second: [{ key: "loss", value: 7, text: "7", step: 3, timestamp: 1 }],
    none: [],
  });

  const ask = (after: string | null) =>
    client.query<History>(
      `query ($id: String!, $after: String) { run(project: "default", id: $id) {
        metricHistory(key: "loss", first: 3, after: $after) { points { step } endCursor } } }`,
      { id: first, after },
    );
  const steps: number[] = [];
  for (let after: string | null = null; ; ) {
    const { points, endCursor }: History["run"]["metricHistory"] = (await ask(after)).run.metricHistory;
    steps.push(...points.map(({ step }) => step));
    if (endCursor === null) break;
    after = endCursor;
  }
  assert.deepEqual(steps, [0, 1, 2, 3, 4]);
  await assert.rejects(ask("foreign"), /BAD_REQUEST: page_token/);
});
