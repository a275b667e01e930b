import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, it, type TestContext } from "node:test";
import { type Running, runPlatform, settingsFor, temporaryFolder } from "../platform/shop.ts";

type Json = Record<string, unknown>;
type Info = { run_id: string; run_name: string; artifact_uri: string; status: string; lifecycle_stage: string };
type RunAnswer = { info: Info; data: { metrics: { key: string; value: unknown }[]; params: Pair[]; tags: Pair[] } };
type Pair = { key: string; value: string };

const TOKEN = "0123456789abcdef0123";

describe("MLflow's tracking calls on a running platform", () => {
  const closers: (() => unknown)[] = [];
  let running: Running;

  const send = (method: string, path: string, body?: string | Buffer, token = TOKEN): Promise<Response> =>
    fetch(`${running.platform.url}${path}`, {
      method,
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: body as string }),
    });
  const call = async (method: string, path: string, input: Json = {}, base = "/api/2.0/mlflow") => {
    const query = method === "GET" ? `?${new URLSearchParams(input as Record<string, string>)}` : "";
    const body = method === "GET" ? undefined : JSON.stringify(input);
    const response = await send(method, `${base}/${path}${query}`, body);
    return { status: response.status, body: (await response.json()) as Json };
  };
  const ok = async <T = Json>(method: string, path: string, input: Json = {}, base?: string): Promise<T> => {
    const { status, body } = await call(method, path, input, base);
    assert.equal(status, 200, `${method} ${path}: ${JSON.stringify(body)}`);
    return body as T;
  };
  const refused = async (method: string, path: string, input: Json, code: string, message: RegExp) => {
    const { status, body } = await call(method, path, input);
    assert.equal(body.error_code, code, JSON.stringify(body));
    assert.equal(status, code === "RESOURCE_DOES_NOT_EXIST" ? 404 : 400);
    assert.match(body.message as string, message);
  };
  const experiment = async (name: string): Promise<string> =>
    (await ok<{ experiment_id: string }>("POST", "experiments/create", { name })).experiment_id;
  const run = async (experiment_id: string, more: Json = {}): Promise<Info> =>
    (await ok<{ run: RunAnswer }>("POST", "runs/create", { experiment_id, start_time: 1000, ...more })).run.info;
  const shown = async (run_id: string): Promise<RunAnswer> =>
    (await ok<{ run: RunAnswer }>("GET", "runs/get", { run_id })).run;

  const file = (info: Info, path: string): string =>
    `/api/2.0/mlflow-artifacts/artifacts/${info.artifact_uri.replace("mlflow-artifacts:/", "")}/${path}`;
  const filesIn = async (info: Info, folder: string): Promise<unknown> => {
    const root = info.artifact_uri.replace("mlflow-artifacts:/", "");
    const path = folder === "" ? root : `${root}/${folder}`;
    return (await ok("GET", "artifacts", { path }, "/api/2.0/mlflow-artifacts")).files;
  };

  before(async () => {
    const context = { after: (end: () => unknown) => closers.push(end) } as unknown as TestContext;
    running = await runPlatform(context, settingsFor(temporaryFolder(context), { API_TOKEN: TOKEN }));
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  it("the default project and its default experiment are there on first use, others have a path of their own", async () => {
    const { experiment: first } = await ok<{ experiment: Json }>("GET", "experiments/get", { experiment_id: "0" });
    assert.equal(first.name, "Default");
    assert.equal(first.artifact_location, "mlflow-artifacts:/0");
    const missing = await call("GET", "experiments/search", {}, "/projects/nowhere/api/2.0/mlflow");
    assert.deepEqual([missing.status, missing.body.error_code], [404, "RESOURCE_DOES_NOT_EXIST"]);
    await running.client.query('mutation { createProject(input: { id: "lab", name: "lab" }) { position } }');
    const lab = "/projects/lab/ajax-api/2.0/mlflow";
    const made = await ok<{ experiment_id: string }>("POST", "experiments/create", { name: "only here" }, lab);
    await ok("GET", "experiments/get", made, lab);
    await refused("GET", "experiments/get", made, "RESOURCE_DOES_NOT_EXIST", /No Experiment with id/);
  });

  it("a client is known by its token, as a password too", async () => {
    const status = async (authorization: string) => {
      const url = `${running.platform.url}/api/2.0/mlflow/experiments/get?experiment_id=0`;
      const response = await fetch(url, { headers: { authorization } });
      return [response.status, ((await response.json()) as Json).error_code];
    };
    const basic = (password: string) => `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
    assert.deepEqual(await status(basic(TOKEN)), [200, undefined]);
    assert.deepEqual(await status(basic("wrong")), [401, "UNAUTHENTICATED"]);
    assert.deepEqual(await status("Bearer wrong"), [401, "UNAUTHENTICATED"]);
    const put = await send("PUT", `/api/2.0/mlflow-artifacts/artifacts/0/${"0a".repeat(16)}/artifacts/x`, "x", "wrong");
    assert.equal(put.status, 401);
  });

  it("names are unique, deleted experiments keep theirs and take no runs", async () => {
    const id = await experiment("trees");
    await refused("POST", "experiments/create", { name: "trees" }, "RESOURCE_ALREADY_EXISTS", /trees/);
    const other = await experiment("forests");
    const rename = { experiment_id: other, new_name: "trees" };
    await refused("POST", "experiments/update", rename, "RESOURCE_ALREADY_EXISTS", /trees/);
    await ok("POST", "experiments/delete", { experiment_id: id });
    await refused("POST", "runs/create", { experiment_id: id }, "INVALID_PARAMETER_VALUE", /deleted/);
    await refused("POST", "experiments/create", { name: "trees" }, "RESOURCE_ALREADY_EXISTS", /restore/);
    const named = await ok<{ experiment: Json }>("GET", "experiments/get-by-name", { experiment_name: "trees" });
    assert.deepEqual([named.experiment.experiment_id, named.experiment.lifecycle_stage], [id, "deleted"]);
    await ok("POST", "experiments/restore", { experiment_id: id });
    await run(id);
  });

  it("experiments are searched, page by page", async () => {
    for (const name of ["page-1", "page-2", "page-3"]) await experiment(name);
    await ok("POST", "experiments/set-experiment-tag", {
      experiment_id: await experiment("page-4"),
      key: "team",
      value: "a",
    });
    type Page = { experiments: { name: string }[]; next_page_token?: string };
    const search = { filter: "name LIKE 'page-%'", order_by: ["name DESC"], max_results: 3 };
    const first = await ok<Page>("POST", "experiments/search", search);
    const second = await ok<Page>("POST", "experiments/search", { ...search, page_token: first.next_page_token });
    const names = [first, second].map(({ experiments }) => experiments.map(({ name }) => name));
    assert.deepEqual(names, [["page-4", "page-3", "page-2"], ["page-1"]]);
    assert.equal(second.next_page_token, undefined);
    const tagged = await ok<Page>("GET", "experiments/search", { filter: "tags.team = 'a'", max_results: "10" });
    assert.deepEqual(
      tagged.experiments.map(({ name }) => name),
      ["page-4"],
    );
    await refused("POST", "experiments/search", { filter: "name ~ 'x'" }, "INVALID_PARAMETER_VALUE", /character \d+/);
  });

  it("a run takes what is logged, numbers as text and NaN among them; parameters do not change", async () => {
    const { run_id } = await run(await experiment("logged"), { run_name: "first", user_id: "ann", start_time: "1700" });
    const metrics = [
      { key: "auc", value: "0.5", timestamp: "10", step: "1" },
      { key: "auc", value: 0.75, timestamp: 20, step: 2 },
      { key: "nan", value: "NaN", timestamp: 5 },
      { key: "low", value: "-Infinity", timestamp: 5 },
    ];
    const batch = { run_id, metrics, params: [{ key: "depth", value: "6" }], tags: [{ key: "team", value: "a" }] };
    await ok("POST", "runs/log-batch", batch);
    await ok("POST", "runs/log-batch", batch);
    await ok("POST", "runs/log-metric", { run_uuid: run_id, key: "loss", value: 0.1, timestamp: 30, step: 2 });
    const { info, data } = await shown(run_id);
    assert.deepEqual([info.run_name, info.status, info.lifecycle_stage], ["first", "RUNNING", "active"]);
    assert.deepEqual(
      data.metrics.map(({ key, value }) => [key, value]),
      [
        ["auc", 0.75],
        ["loss", 0.1],
        ["low", "-Infinity"],
        ["nan", "NaN"],
      ],
    );
    assert.deepEqual(data.params, [{ key: "depth", value: "6" }]);
    const history = await ok<{ metrics: Json[] }>("GET", "metrics/get-history", { run_id, metric_key: "auc" });
    assert.deepEqual(
      history.metrics.map(({ value, step }) => [value, step]),
      [
        [0.5, 1],
        [0.75, 2],
      ],
    );
    const changed = { run_id, key: "depth", value: "7" };
    await refused("POST", "runs/log-parameter", changed, "INVALID_PARAMETER_VALUE", /"depth" with value "6"/);
    const ended = { run_id, status: "FINISHED", end_time: 2000, run_name: "last" };
    const { run_info } = await ok<{ run_info: Info & { end_time: number } }>("POST", "runs/update", ended);
    assert.deepEqual([run_info.status, run_info.end_time, run_info.run_name], ["FINISHED", 2000, "last"]);
    await ok("POST", "runs/delete-tag", { run_id, key: "team" });
    await refused("POST", "runs/delete-tag", { run_id, key: "team" }, "RESOURCE_DOES_NOT_EXIST", /team/);
  });

  it("refuses what is too much, too long, malformed or for a run that is not there", async () => {
    const { run_id } = await run(await experiment("refused"));
    const batch = (more: Json) => ["POST", "runs/log-batch", { run_id, ...more }, "INVALID_PARAMETER_VALUE"] as const;
    const points = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ key: "m", value: i, timestamp: i, step: i }));
    const pairs = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: "v" }));
    await refused(...batch({ metrics: points(1001) }), /metrics.*at most 1000/);
    await refused(...batch({ params: pairs(101) }), /params.*at most 100/);
    await refused(...batch({ metrics: points(950), params: pairs(51) }), /at most 1000 .* got 1001/);
    await refused(...batch({ params: [{ key: "p", value: "v".repeat(6001) }] }), /6000/);
    await refused(
      ...batch({
        params: [
          { key: "p", value: "1" },
          { key: "p", value: "2" },
        ],
      }),
      /"p" is given twice/,
    );
    await refused(...batch({ metrics: [{ key: "k".repeat(251), value: 1, timestamp: 1 }] }), /250/);
    await refused(...batch({ metrics: [{ key: "m", value: "far", timestamp: 1 }] }), /value.*expected a number/);
    await refused(...batch({ metrics: [{ key: "../m", value: 1, timestamp: 1 }] }), /"\.\.\/m"/);
    await refused(...batch({ tags: [{ key: "t", value: "v".repeat(1_000_000) }] }), /too large/i);
    const dataset = { name: "d", digest: "1", source_type: "local", source: "{}", profile: "p".repeat(1_000_000) };
    await ok("POST", "runs/log-inputs", { run_id, datasets: [{ dataset }] });
    assert.equal((await shown(run_id)).data.params, undefined);
    const nobody = "0b".repeat(16);
    await refused("GET", "runs/get", { run_id: nobody }, "RESOURCE_DOES_NOT_EXIST", /Run with id/);
    const stray = { run_id: nobody, key: "m", value: 1, timestamp: 1 };
    await refused("POST", "runs/log-metric", stray, "RESOURCE_DOES_NOT_EXIST", /Run with id/);
    await ok("POST", "runs/delete", { run_id });
    await refused("POST", "runs/log-metric", { ...stray, run_id }, "INVALID_PARAMETER_VALUE", /restore/);
    await refused("POST", "runs/set-tag", { run_id, key: "a", value: "b" }, "INVALID_PARAMETER_VALUE", /restore/);
    await ok("POST", "runs/restore", { run_id });
    const response = await send("POST", "/api/2.0/mlflow/runs/set-tag", "{");
    assert.deepEqual([response.status, ((await response.json()) as Json).error_code], [400, "INVALID_PARAMETER_VALUE"]);
  });

  it("runs are found by metrics, parameters, tags and view, in order and page by page", async () => {
    const id = await experiment("searched");
    for (const [i, auc] of [0.6, 0.9, 0.8].entries()) {
      const { run_id } = await run(id, { run_name: `r${i}`, start_time: 1000 + i });
      const metrics = [{ key: "auc", value: auc, timestamp: 1 }];
      await ok("POST", "runs/log-batch", { run_id, metrics, params: [{ key: "depth", value: String(i) }] });
      if (i === 0) await ok("POST", "runs/delete", { run_id });
    }
    type Page = { runs: RunAnswer[]; next_page_token?: string };
    const found = async (more: Json) => {
      const page = await ok<Page>("POST", "runs/search", { experiment_ids: [id], ...more });
      return { names: page.runs.map(({ info }) => info.run_name), next: page.next_page_token };
    };
    assert.deepEqual((await found({})).names, ["r2", "r1"]);
    assert.deepEqual((await found({ run_view_type: "DELETED_ONLY" })).names, ["r0"]);
    const filter = "metrics.auc > 0.5 AND params.depth != '9'";
    const search = { filter, order_by: ["metrics.auc DESC"], run_view_type: "ALL", max_results: 2 };
    const first = await found(search);
    assert.deepEqual(first.names, ["r1", "r2"]);
    assert.deepEqual(await found({ ...search, page_token: first.next }), { names: ["r0"], next: undefined });
    const broken = { experiment_ids: [id], filter: "metrics.auc >" };
    await refused("POST", "runs/search", broken, "INVALID_PARAMETER_VALUE", /character 14/);
  });

  it("inputs and outputs of a run, and the models of older clients", async () => {
    const id = await experiment("io");
    const { run_id } = await run(id);
    const made = { experiment_id: id, name: "late", source_run_id: run_id, params: [{ key: "depth", value: "6" }] };
    type Made = { model: { info: Json & { model_id: string }; data: Json } };
    const { model } = await ok<Made>("POST", "logged-models", made);
    const { model_id } = model.info;
    const dataset = { name: "d", digest: "1f", source_type: "local", source: "{}", schema: "{}" };
    const tags = [{ key: "mlflow.data.context", value: "train" }];
    await ok("POST", "runs/log-inputs", { run_id, datasets: [{ dataset, tags }], models: [{ model_id }] });
    await ok("POST", "runs/outputs", { run_id, models: [{ model_id, step: "3" }] });
    const models = ["a", "b"].map((artifact_path) => ({ artifact_path, run_id, utc_time_created: "now", flavors: {} }));
    for (const one of models) await ok("POST", "runs/log-model", { run_id, model_json: JSON.stringify(one) });
    const answer = (await shown(run_id)) as RunAnswer & { inputs: Json; outputs: Json };
    assert.deepEqual(answer.inputs, { dataset_inputs: [{ tags, dataset }], model_inputs: [{ model_id }] });
    assert.deepEqual(answer.outputs, { model_outputs: [{ model_id, step: 3 }] });
    const history = answer.data.tags.find(({ key }) => key === "mlflow.log-model.history");
    assert.deepEqual(JSON.parse(history?.value ?? ""), models);
    await refused("POST", "runs/log-model", { run_id, model_json: "{" }, "INVALID_PARAMETER_VALUE", /model_json/);

    const metric = { key: "auc", value: 0.9, timestamp: 1, model_id, dataset_name: "d", dataset_digest: "1f" };
    await ok("POST", "runs/log-batch", { run_id, metrics: [metric] });
    await ok("PATCH", `logged-models/${model_id}`, { model_id, status: "LOGGED_MODEL_READY" });
    await ok("PATCH", `logged-models/${model_id}/tags`, { tags: [{ key: "team", value: "a" }] });
    await ok("POST", `logged-models/${model_id}/params`, { model_id, params: [{ key: "eta", value: "1" }] });
    const again = (await ok<Made>("GET", `logged-models/${model_id}`)).model;
    assert.equal(again.info.status, "LOGGED_MODEL_READY");
    assert.equal(again.info.artifact_uri, `mlflow-artifacts:/${id}/models/${model_id}/artifacts`);
    assert.deepEqual(again.data, {
      params: [
        { key: "depth", value: "6" },
        { key: "eta", value: "1" },
      ],
      metrics: [{ ...metric, step: 0, run_id }],
    });
    const search = async (filter: string, more: Json = {}) => {
      const input = { experiment_ids: [id], filter, ...more };
      return (await ok<{ models?: Made["model"][] }>("POST", "logged-models/search", input)).models?.length;
    };
    const other = { ...made, name: "early" };
    await ok("POST", "logged-models", other);
    assert.equal(await search("metrics.auc > 0.8 AND tags.team = 'a'"), 1);
    assert.equal(await search("metrics.auc > 0.8", { datasets: [{ dataset_name: "other" }] }), undefined);
    assert.equal(await search("params.depth = '6'", { order_by: [{ field_name: "name", ascending: false }] }), 2);
    await ok("DELETE", `logged-models/${model_id}/tags/team`);
    await ok("DELETE", `logged-models/${model_id}`, { model_id });
    await refused("GET", `logged-models/${model_id}`, {}, "RESOURCE_DOES_NOT_EXIST", /Logged model/);
    await ok("GET", `logged-models/${model_id}`, { allow_deleted: "true" });
  });

  it("files go through the server: stored, listed, overwritten, read and deleted", async () => {
    const info = await run(await experiment("files"));
    const put = async (path: string, body: string | Buffer) =>
      assert.equal((await send("PUT", file(info, path), body)).status, 200, path);
    const big = Buffer.alloc(3 << 20, 7);
    const deep = `deep/${"d".repeat(200)}/${"e".repeat(200)}.txt`;
    await put("notes.txt", "one");
    await put("notes.txt", "other");
    await put("dir/sub/big.bin", big);
    await put("dir/y%20y%20%C3%BC.txt", "y");
    await put("empty", "");
    await put(deep, "deep");
    assert.deepEqual(await filesIn(info, ""), [
      { path: "deep", is_dir: true },
      { path: "dir", is_dir: true },
      { path: "empty", is_dir: false, file_size: 0 },
      { path: "notes.txt", is_dir: false, file_size: 5 },
    ]);
    assert.deepEqual(await filesIn(info, "dir"), [
      { path: "sub", is_dir: true },
      { path: "y y ü.txt", is_dir: false, file_size: 1 },
    ]);
    const listed = await ok("GET", "artifacts/list", { run_id: info.run_id, path: "dir/sub" });
    assert.deepEqual(listed, {
      root_uri: info.artifact_uri,
      files: [{ path: "dir/sub/big.bin", is_dir: false, file_size: big.length }],
    });
    const read = async (path: string) => Buffer.from(await (await send("GET", file(info, path))).arrayBuffer());
    assert.equal((await read("notes.txt")).toString(), "other");
    assert.ok((await read("dir/sub/big.bin")).equals(big));
    assert.equal((await read("empty")).length, 0);
    assert.equal((await read(deep)).toString(), "deep");
    assert.equal((await send("DELETE", file(info, "dir"))).status, 200);
    assert.equal((await send("GET", file(info, "dir/sub/big.bin"))).status, 404);
    assert.equal((await send("DELETE", file(info, "dir"))).status, 404);
    assert.deepEqual(await filesIn(info, "dir"), []);
    assert.equal(
      (await send("GET", file({ ...info, artifact_uri: `mlflow-artifacts:/0/${"0b".repeat(16)}/artifacts` }, "x")))
        .status,
      404,
    );
  });

  it("no path leads out of a run's place", async () => {
    const info = await run(await experiment("traversal"));
    const { port } = new URL(running.platform.url);
    /** As written: fetch would take the dots away. */
    const raw = (method: string, path: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const sent = request({ port, method, path, headers: { authorization: `Bearer ${TOKEN}` } }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        });
        sent.on("error", reject).end(method === "PUT" ? "x" : undefined);
      });
    const bad = ["../x", "a/../../x", "%2e%2e/x", "a/%2e%2e%2fx", "a%5c..%5cx", "a//x", "./x", "a%00b", "a/", ""];
    for (const path of bad) {
      for (const method of ["PUT", "GET"]) assert.equal(await raw(method, file(info, path)), 400, `${method} ${path}`);
    }
    const list = await call("GET", "artifacts", { path: `0/${info.run_id}/artifacts/..` }, "/api/2.0/mlflow-artifacts");
    assert.deepEqual([list.status, list.body.error_code], [400, "INVALID_PARAMETER_VALUE"]);
    assert.deepEqual(await filesIn(info, ""), []);
  });

  it("says what it cannot do in the words that clients look for", async () => {
    const info = await ok("GET", "server-info", {}, "/api/3.0/mlflow");
    assert.equal(info.workspaces_enabled, false);
    assert.equal(await (await send("GET", "/health")).text(), "OK");
    assert.match(await (await send("GET", "/version")).text(), /^\d+\.\d+\.\d+$/);
    const traces = await call("POST", "traces/search");
    assert.deepEqual([traces.status, traces.body.error_code], [404, "ENDPOINT_NOT_FOUND"]);
  });
});
