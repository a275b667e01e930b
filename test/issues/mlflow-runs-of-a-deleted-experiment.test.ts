import assert from "node:assert/strict";
import { test } from "node:test";
import { mlflowServer, runInfo } from "./mlflow-client.ts";

test("with an experiment its runs are deleted, and come back with it", async (t) => {
  const { ok, refused } = await mlflowServer(t);
  const { experiment_id } = await ok("POST", "experiments/create", { name: "e" });
  const { run_id } = runInfo(await ok("POST", "runs/create", { experiment_id }));
  await ok("POST", "experiments/delete", { experiment_id });
  assert.equal(runInfo(await ok("GET", "runs/get", { run_id })).lifecycle_stage, "deleted");
  const metric = { run_id, key: "m", value: 1, timestamp: 1, step: 0 };
  await refused("POST", "runs/log-metric", metric, 400, "INVALID_PARAMETER_VALUE");
  await refused("POST", "runs/log-batch", { run_id, metrics: [metric] }, 400, "INVALID_PARAMETER_VALUE");
  await refused("POST", "runs/log-parameter", { run_id, key: "p", value: "1" }, 400, "INVALID_PARAMETER_VALUE");
  await refused("POST", "runs/set-tag", { run_id, key: "p", value: "1" }, 400, "INVALID_PARAMETER_VALUE");
  await refused("POST", "experiments/delete", { experiment_id }, 404, "RESOURCE_DOES_NOT_EXIST");
  await ok("POST", "experiments/restore", { experiment_id });
  assert.equal(runInfo(await ok("GET", "runs/get", { run_id })).lifecycle_stage, "active");
  await refused("POST", "experiments/restore", { experiment_id }, 404, "RESOURCE_DOES_NOT_EXIST");
});
