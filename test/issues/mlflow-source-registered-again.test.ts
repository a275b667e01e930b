import assert from "node:assert/strict";
import { test } from "node:test";
import { type Json, mlflowServer } from "./mlflow-client.ts";

test("a source that is registered again is the next version, and the first stays as it was", async (t) => {
  const { ok } = await mlflowServer(t);
  await ok("POST", "registered-models/create", { name: "m" });
  const create = async (more: Json) =>
    (await ok("POST", "model-versions/create", { name: "m", source: "s3://bucket/m", ...more })).model_version as Json;
  const described = (i: number) => ({ description: `d${i}`, tags: [{ key: "k", value: `v${i}` }] });
  const made = [await create(described(0)), await create(described(1)), await create(described(2))];
  assert.deepEqual(
    made.map(({ version }) => version),
    ["1", "2", "3"],
  );
  const { model_version: first } = (await ok("GET", "model-versions/get", { name: "m", version: 1 })) as Record<
    string,
    Json
  >;
  assert.deepEqual([first.description, first.tags], ["d0", [{ key: "k", value: "v0" }]]);
});

test("a registry beside another tracking server takes its runs and its logged models as sources", async (t) => {
  const { ok, refused } = await mlflowServer(t);
  await ok("POST", "registered-models/create", { name: "m" });
  const foreign = "f".repeat(32);
  for (const [source, run_id] of [
    ["s3://bucket/m", foreign],
    [`runs:/${foreign}/model`, foreign],
    [`mlflow-artifacts:/7/${foreign}/artifacts/model`, foreign],
    [`models:/m-${foreign}`, ""],
    ["s3://bucket/m", "not-a-run-of-ours"],
  ]) {
    const { model_version } = await ok("POST", "model-versions/create", { name: "m", source, run_id });
    const { version, ...made } = model_version as Json;
    assert.deepEqual([made.source, made.run_id], [source, run_id]);
    assert.deepEqual(await ok("GET", "model-versions/get-download-uri", { name: "m", version }), {
      artifact_uri: source,
    });
  }
  const found = await ok("GET", "model-versions/search", { filter: `run_id = '${foreign}'` });
  assert.equal((found.model_versions as Json[]).length, 3);
  for (const source of ["/etc", "model", "file:///etc/passwd", "s3://bucket/../x", "s3://bucket/%252e%252e/x"]) {
    await refused("POST", "model-versions/create", { name: "m", source }, 400, "INVALID_PARAMETER_VALUE");
  }
});
