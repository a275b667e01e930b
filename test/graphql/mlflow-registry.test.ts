import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { localAdmin } from "../../commands/gate.ts";
import type { CommandType } from "../../commands/payloads.ts";
import { type TestServer, testServer } from "./platform.ts";

type Answer = { status: number; body: Record<string, unknown> };
type Version = { version: string; current_stage: string; aliases: string[]; tags: { key: string; value: string }[] };

const mlModel = (columns: readonly string[]): string => {
  const inputs = JSON.stringify(columns.map((name) => ({ type: "float", name, required: true })));
  return `flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.23.2\nsignature:\n  inputs: '${inputs}'\n`;
};

/** MLflow's registry over a server of its own: GET takes its input as a query, the others as JSON. */
const registry = async (t: TestContext) => {
  const server = await testServer(t);
  const call = async (method: string, path: string, input: object = {}, token?: string): Promise<Answer> => {
    const query = method === "GET" ? `?${new URLSearchParams(input as Record<string, string>)}` : "";
    const response = await fetch(`${server.url}/api/2.0/mlflow/${path}${query}`, {
      method,
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(method === "GET" ? {} : { body: JSON.stringify(input) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  /** The body of a call that succeeds. */
  const ok = async (method: string, path: string, input: object = {}, token?: string) => {
    const { status, body } = await call(method, path, input, token);
    assert.equal(status, 200, `${method} ${path}: ${JSON.stringify(body)}`);
    return body;
  };
  /** Error code and message of a call that is refused. */
  const refused = async (method: string, path: string, input: object = {}) => {
    const { status, body } = await call(method, path, input);
    return [status, body.error_code, body.message] as [number, string, string];
  };
  const create = async (input: object, token?: string) =>
    (await ok("POST", "model-versions/create", input, token)).model_version as Version & Record<string, unknown>;
  await ok("GET", "registered-models/search");
  return { server, call, ok, refused, create };
};

const dispatch = async ({ deps }: TestServer, type: CommandType, payload: object): Promise<void> => {
  const { position } = await deps.commands.dispatch({ type, project: "default", payload, actor: localAdmin });
  await deps.documents.waitFor(position);
};

/** A run that has logged a model whose ONNX file takes these columns. */
const loggedRun = async (server: TestServer, id: string, columns: readonly string[]): Promise<string> => {
  await dispatch(server, "CreateRun", { id, experiment: "0", name: "run", startTime: 1 });
  const files = { "model/MLmodel": mlModel(columns), "model/model.onnx": `onnx of ${id}` };
  for (const [path, text] of Object.entries(files)) {
    const { digest } = await server.deps.artifacts.put(Buffer.from(text));
    await dispatch(server, "StoreRunArtifact", { id, path, artifact: digest });
  }
  return `runs:/${id}/model`;
};

const runOf = (digit: string): string => digit.repeat(32);

test("a model is registered, described, tagged, found and deleted", async (t) => {
  const { ok, refused } = await registry(t);
  const created = await ok("POST", "registered-models/create", { name: "fraud", tags: [{ key: "team", value: "a" }] });
  const model = created.registered_model as Record<string, unknown>;
  assert.deepEqual([model.name, model.tags], ["fraud", [{ key: "team", value: "a" }]]);
  const again = await refused("POST", "registered-models/create", { name: "fraud" });
  assert.deepEqual(again.slice(0, 2), [400, "RESOURCE_ALREADY_EXISTS"]);
  await ok("PATCH", "registered-models/update", { name: "fraud", description: "of payments" });
  await ok("POST", "registered-models/set-tag", { name: "fraud", key: "tier", value: "1" });
  await ok("DELETE", "registered-models/delete-tag", { name: "fraud", key: "team" });
  const got = (await ok("GET", "registered-models/get", { name: "fraud" })).registered_model as Record<string, unknown>;
  assert.deepEqual([got.description, got.tags], ["of payments", [{ key: "tier", value: "1" }]]);
  await ok("POST", "registered-models/create", { name: "churn" });
  const names = async (input: object) => {
    const body = await ok("GET", "registered-models/search", input);
    return [(body.registered_models as { name: string }[]).map(({ name }) => name), body.next_page_token];
  };
  assert.deepEqual(await names({ filter: "tags.tier = '1'" }), [["fraud"], undefined]);
  assert.deepEqual(await names({ filter: "name ILIKE 'CH%'" }), [["churn"], undefined]);
  // As MLflow's client asks: it leaves out prompts, by a tag that models lack.
  const noPrompts = "tag.`mlflow.prompt.is_prompt` != 'true'";
  assert.deepEqual(await names({ filter: `tags.tier = '1' AND ${noPrompts}` }), [["fraud"], undefined]);
  const prompt = [{ key: "mlflow.prompt.is_prompt", value: "true" }];
  await ok("POST", "registered-models/create", { name: "greeting", tags: prompt });
  assert.deepEqual(await names({}), [["churn", "fraud"], undefined]);
  assert.deepEqual(await names({ filter: "tag.`mlflow.prompt.is_prompt` = 'true'" }), [["greeting"], undefined]);
  const [first, token] = await names({ max_results: "1" });
  assert.deepEqual(first, ["churn"]);
  assert.deepEqual(await names({ max_results: "1", page_token: token }), [["fraud"], undefined]);
  assert.deepEqual(await names({ order_by: "name DESC" }), [["fraud", "churn"], undefined]);
  await ok("DELETE", "registered-models/delete", { name: "churn" });
  for (const path of ["registered-models/get", "registered-models/get-latest-versions"]) {
    assert.deepEqual((await refused("GET", path, { name: "churn" })).slice(0, 2), [404, "RESOURCE_DOES_NOT_EXIST"]);
  }
  assert.deepEqual(await names({}), [["fraud"], undefined]);
});

test("what a run has logged becomes a version that can be deployed at once", async (t) => {
  const { server, ok, refused, create } = await registry(t);
  const source = await loggedRun(server, runOf("a"), ["amount", "twice"]);
  await ok("POST", "registered-models/create", { name: "fraud" });
  const made = await create({ name: "fraud", source, run_id: runOf("a"), tags: [{ key: "k", value: "v" }] });
  assert.deepEqual(
    [made.version, made.status, made.source, made.run_id, made.current_stage],
    ["1", "READY", source, runOf("a"), "None"],
  );
  const document = await server.deps.documents.get("modelVersions", "default", "fraud/1");
  assert.deepEqual([document?.format, document?.status, document?.columns], ["onnx", "approved", ["amount", "twice"]]);
  assert.match(document?.comment ?? "", /no policy guards Production/);
  const of = { name: "fraud", version: "1" };
  assert.deepEqual(await ok("GET", "model-versions/get-download-uri", of), {
    artifact_uri: `mlflow-artifacts:/0/${runOf("a")}/artifacts/model`,
  });
  await ok("POST", "registered-models/alias", { ...of, alias: "champion" });
  const byAlias = await ok("GET", "registered-models/alias", { name: "fraud", alias: "champion" });
  assert.deepEqual((byAlias.model_version as Version).aliases, ["champion"]);
  await ok("DELETE", "registered-models/alias", { name: "fraud", alias: "champion" });
  const gone = await refused("GET", "registered-models/alias", { name: "fraud", alias: "champion" });
  assert.deepEqual(gone.slice(0, 2), [400, "INVALID_PARAMETER_VALUE"]);
  const id = `m-${runOf("c")}`;
  await dispatch(server, "CreateLoggedModel", { id, experiment: "0", name: "m", run: runOf("a") });
  assert.equal((await create({ name: "fraud", source: `models:/${id}` })).run_id, runOf("a"));
});

test("what cannot be served is registered all the same, and says why", async (t) => {
  const { server, ok, create } = await registry(t);
  await ok("POST", "registered-models/create", { name: "wide" });
  const source = await loggedRun(server, runOf("b"), ["a", "b", "c"]);
  const made = await create({ name: "wide", source });
  assert.match(String(made.status_message), /takes 2 input columns, but 3 are named/);
  assert.equal((await server.deps.documents.get("modelVersions", "default", "wide/1"))?.format, "other");
  const elsewhere = await create({ name: "wide", source: "s3://bucket/model" });
  assert.deepEqual([elsewhere.version, elsewhere.status_message], ["2", undefined]);
  const uri = await ok("GET", "model-versions/get-download-uri", { name: "wide", version: "2" });
  assert.deepEqual(uri, { artifact_uri: "s3://bucket/model" });
});

test("a policy of Production, and a rejection, keep a version from being approved by its registration", async (t) => {
  const { server, ok, create } = await registry(t);
  await ok("POST", "registered-models/create", { name: "m" });
  const statusOf = async (version: number) =>
    (await server.deps.documents.get("modelVersions", "default", `m/${version}`))?.status;
  const first = { name: "m", source: "s3://bucket/one" };
  await create(first);
  await dispatch(server, "RejectModelVersion", { model: "m", version: 1, comment: "biased" });
  assert.equal((await create(first)).version, "2");
  assert.deepEqual([await statusOf(1), await statusOf(2)], ["rejected", "pending"]);
  await dispatch(server, "SetPolicy", { stage: "Production", approvals: 1, fourEyes: false });
  await create({ name: "m", source: "s3://bucket/two" });
  assert.equal(await statusOf(3), "pending");
});

test("versions change stages, are searched and deleted", async (t) => {
  const { ok, refused, create } = await registry(t);
  await ok("POST", "registered-models/create", { name: "m" });
  for (const place of ["one", "two", "three"]) await create({ name: "m", source: `s3://bucket/${place}` });
  const move = (version: string, stage: string, archive = false) =>
    ok("POST", "model-versions/transition-stage", { name: "m", version, stage, archive_existing_versions: archive });
  await move("1", "production");
  await move("2", "Production");
  const latest = async (stages?: string[]) => {
    const body = await ok("POST", "registered-models/get-latest-versions", { name: "m", stages });
    return ((body.model_versions ?? []) as Version[]).map((found) => `${found.current_stage} ${found.version}`);
  };
  assert.deepEqual(await latest(), ["Production 2", "None 3"]);
  await move("3", "Production", true);
  assert.deepEqual(await latest(), ["Archived 2", "Production 3"]);
  assert.deepEqual(await latest(["production"]), ["Production 3"]);
  const [, code] = await refused("POST", "model-versions/transition-stage", {
    ...{ name: "m", version: "1", stage: "None", archive_existing_versions: true },
  });
  assert.equal(code, "INVALID_PARAMETER_VALUE");
  await ok("POST", "model-versions/set-tag", { name: "m", version: "1", key: "good", value: "yes" });
  await ok("PATCH", "model-versions/update", { name: "m", version: "1", description: "the first" });
  const search = async (input: object) =>
    (((await ok("GET", "model-versions/search", input)).model_versions ?? []) as Version[]).map(
      ({ version }) => version,
    );
  assert.deepEqual(await search({ filter: "name = 'm' AND tags.good = 'yes'" }), ["1"]);
  assert.deepEqual(await search({ filter: "name = 'm'", order_by: "version_number ASC" }), ["1", "2", "3"]);
  await ok("DELETE", "model-versions/delete-tag", { name: "m", version: "1", key: "good" });
  assert.deepEqual(await search({ filter: "tags.good = 'yes'" }), []);
  const held = await refused("DELETE", "model-versions/delete", { name: "m", version: "3" });
  assert.deepEqual(held.slice(0, 2), [400, "INVALID_PARAMETER_VALUE"]);
  await ok("DELETE", "model-versions/delete", { name: "m", version: "1" });
  assert.deepEqual((await refused("GET", "model-versions/get", { name: "m", version: "1" })).slice(0, 2), [
    404,
    "RESOURCE_DOES_NOT_EXIST",
  ]);
});
