import assert from "node:assert/strict";
import { test } from "node:test";
import { mlflowServer } from "./mlflow-client.ts";

test("a call of MLflow's that is not answered is refused in MLflow's form, whatever its version and its door", async (t) => {
  const { call } = await mlflowServer(t);
  const calls = [
    ["POST", "/api/3.0/mlflow/traces/search"],
    ["POST", "/ajax-api/3.0/mlflow/traces"],
    ["POST", "/api/3.0/mlflow/datasets/create"],
    ["POST", "/api/3.0/mlflow/scorers/list"],
    ["POST", "/api/2.0/mlflow/traces"],
    ["GET", "/api/2.0/mlflow/nothing"],
    ["GET", "/api/1.0/mlflow/experiments/list"],
    ["GET", "/ajax-api/9.0/anything"],
    ["POST", "/v1/traces"],
    ["POST", "/projects/shop/api/3.0/mlflow/traces"],
    ["POST", "/projects/shop/v1/traces"],
    ["GET", "/api"],
  ];
  for (const [method, path] of calls) {
    for (const body of method === "GET" ? [undefined] : path.endsWith("/v1/traces") ? ["\n\u0001bytes"] : ["{}", ""]) {
      const { status, body: answer } = await call(method, path, body);
      assert.deepEqual([status, answer.error_code, typeof answer.message], [404, "ENDPOINT_NOT_FOUND", "string"], path);
    }
  }
});

test("a file for a browser is sent, or refused in MLflow's form", async (t) => {
  const { call, ok, refused, url } = await mlflowServer(t);
  const made = (await ok("POST", "runs/create", { experiment_id: "0" })) as { run: { info: { run_id: string } } };
  const { run_id } = made.run.info;
  await ok("PUT", `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/a/b.txt`, "hello");
  const response = await fetch(`${url}/get-artifact?run_id=${run_id}&path=a/b.txt`);
  assert.deepEqual([response.status, await response.text()], [200, "hello"]);
  assert.match(response.headers.get("content-disposition") ?? "", /^attachment; .*b\.txt/);
  await ok("POST", "registered-models/create", { name: "m" });
  await ok("POST", "model-versions/create", { name: "m", source: `runs:/${run_id}/a`, run_id });
  const { body } = await call("GET", "/model-versions/get-artifact", { name: "m", version: 1, path: "b.txt" });
  assert.deepEqual(body, { text: "hello" });
  await refused("GET", "/get-artifact", { run_id, path: "none" }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused("GET", "/get-artifact", { run_id: "f".repeat(32), path: "b" }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused("GET", "/get-artifact", { run_id }, 400, "INVALID_PARAMETER_VALUE");
});

test("the files of . and of ./folder are those of the run, and .. is refused", async (t) => {
  const { ok, refused } = await mlflowServer(t);
  const made = (await ok("POST", "runs/create", { experiment_id: "0" })) as { run: { info: { run_id: string } } };
  const { run_id } = made.run.info;
  await ok("PUT", `/api/2.0/mlflow-artifacts/artifacts/0/${run_id}/artifacts/a/b.txt`, "hello");
  const listed = async (path: string) =>
    (((await ok("GET", "artifacts/list", { run_id, path })).files ?? []) as { path: string }[]).map(
      (file) => file.path,
    );
  assert.deepEqual(await listed("."), ["./a"]);
  assert.deepEqual(await listed("./a"), ["./a/b.txt"]);
  assert.deepEqual(await listed("./"), ["./a"]);
  assert.deepEqual(await listed("a/"), ["a/b.txt"]);
  assert.deepEqual(await listed("a/b.txt"), []);
  for (const path of ["..", "a/../..", "a/.."]) {
    await refused("GET", "artifacts/list", { run_id, path }, 400, "INVALID_PARAMETER_VALUE");
  }
});
