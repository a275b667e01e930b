import assert from "node:assert/strict";
import { test } from "node:test";
import { type Json, mlflowServer } from "./mlflow-client.ts";

test("a registered model is renamed with its versions, tags and aliases, and its old name is free", async (t) => {
  const { ok, refused, data } = await mlflowServer(t);
  await ok("POST", "registered-models/create", { name: "before", tags: [{ key: "k", value: "v" }] });
  await ok("POST", "model-versions/create", { name: "before", source: "s3://bucket/m", description: "d" });
  await ok("POST", "registered-models/alias", { name: "before", alias: "best", version: "1" });
  await ok("POST", "registered-models/rename", { name: "before", new_name: "after" });
  await refused("GET", "registered-models/get", { name: "before" }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused("GET", "model-versions/get", { name: "before", version: 1 }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused(
    "POST",
    "model-versions/create",
    { name: "before", source: "s3://x/y" },
    404,
    "RESOURCE_DOES_NOT_EXIST",
  );
  const { registered_model } = await ok("GET", "registered-models/get", { name: "after" });
  const { name, tags, aliases, latest_versions } = registered_model as Record<string, Json[]>;
  assert.deepEqual([name, tags, aliases], ["after", [{ key: "k", value: "v" }], [{ alias: "best", version: "1" }]]);
  assert.equal(latest_versions[0].name, "after");
  const { model_version } = await ok("GET", "registered-models/alias", { name: "after", alias: "best" });
  assert.deepEqual([(model_version as Json).name, (model_version as Json).description], ["after", "d"]);
  const found = async (filter: string) =>
    (((await ok("GET", "model-versions/search", { filter })).model_versions ?? []) as Json[]).length;
  assert.deepEqual([await found("name = 'after'"), await found("name = 'before'")], [1, 0]);

  // The old name is given to another model, which has an id of its own.
  await ok("POST", "registered-models/create", { name: "before" });
  const second = await ok("POST", "model-versions/create", { name: "before", source: "s3://bucket/other" });
  assert.equal((second.model_version as Json).version, "1");
  await ok("PATCH", "model-versions/update", { name: "before", version: "1", description: "other" });
  await ok("POST", "model-versions/set-tag", { name: "after", version: "1", key: "a", value: "b" });
  const first = (await ok("GET", "model-versions/get", { name: "after", version: 1 })).model_version as Json;
  assert.deepEqual([first.description, first.tags], ["d", [{ key: "a", value: "b" }]]);

  await refused(
    "POST",
    "registered-models/rename",
    { name: "after", new_name: "before" },
    400,
    "RESOURCE_ALREADY_EXISTS",
  );
  await refused("POST", "registered-models/create", { name: "after" }, 400, "RESOURCE_ALREADY_EXISTS");
  await refused("POST", "registered-models/rename", { name: "nobody", new_name: "x" }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused("POST", "registered-models/rename", { name: "after", new_name: "a/b" }, 400, "INVALID_PARAMETER_VALUE");
  await ok("POST", "registered-models/rename", { name: "after", new_name: "after" });
  await ok("POST", "registered-models/rename", { name: "after", new_name: "then" });
  await ok("POST", "registered-models/rename", { name: "before", new_name: "after" });
  await ok("DELETE", "registered-models/delete", { name: "then" });
  await refused("GET", "registered-models/get", { name: "then" }, 404, "RESOURCE_DOES_NOT_EXIST");
  await ok("POST", "registered-models/create", { name: "then" });
  await ok("POST", "registered-models/create", { name: "before" });
  const { models } = await data<{ models: { edges: { node: { slug: string; name: string } }[] } }>(
    '{ models(project: "default", first: 10) { edges { node { slug name } } } }',
  );
  const shown = models.edges.map(({ node: { slug, name: called } }) => `${slug} ${called}`).sort();
  assert.deepEqual(shown, ["before then", "before~2 after", "before~3 before", "then then"]);
});
