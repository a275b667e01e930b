import assert from "node:assert/strict";
import { test } from "node:test";
import { testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

type Headers = Record<string, string>;

/** Status and error code of a call. */
const asked = async (url: string, body: object | null, headers: Headers = {}): Promise<[number, unknown]> => {
  const sent = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(url, { ...sent, headers: { "content-type": "application/json", ...headers } });
  return [response.status, ((await response.json()) as { error_code?: string }).error_code];
};

test("many first calls at once find one default experiment", async (t) => {
  const { url } = await testServer(t);
  const first = async () => (await fetch(`${url}/api/2.0/mlflow/experiments/get?experiment_id=0`)).json();
  const found = await Promise.all(Array.from({ length: 8 }, first));
  assert.equal((found[0] as { experiment: { name: string } }).experiment.name, "Default");
  for (const one of found) assert.deepEqual(one, found[0]);
});

test("a project is open to its members, to each as far as the role goes", async (t) => {
  const server = await testServer(t);
  await openShop(server);
  const shop = `${server.url}/projects/shop/api/2.0`;
  const made = await fetch(`${shop}/mlflow/runs/create`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  const { run } = (await made.json()) as { run: { info: { run_id: string } } };
  const { run_id } = run.info;
  const read = `${shop}/mlflow/runs/get?run_id=${run_id}`;
  const file = `${shop}/mlflow-artifacts/artifacts/0/${run_id}/artifacts/f`;
  assert.equal((await fetch(file, { method: "PUT", body: "x" })).status, 200);

  /** A client that has a user and a password only: the password is the token. */
  const ben = { authorization: `Basic ${Buffer.from("whoever:ben").toString("base64")}` };
  assert.deepEqual(await asked(read, null, ben), [403, "PERMISSION_DENIED"]);
  assert.deepEqual(await asked(read, null, { authorization: "Digest x" }), [401, "UNAUTHENTICATED"]);
  await server.data(
    'mutation { grantRole(project: "shop", input: { member: "ben", role: Regular_User }) { position } }',
  );
  assert.deepEqual(await asked(read, null, ben), [200, undefined]);
  assert.equal(await (await fetch(file, { headers: ben })).text(), "x");

  const tag = { run_id, key: "x", value: "y" };
  assert.deepEqual(await asked(`${shop}/mlflow/runs/set-tag`, tag, ben), [403, "PERMISSION_DENIED"]);
  const point = { run_id, key: "loss", value: 1, timestamp: 1 };
  assert.deepEqual(await asked(`${shop}/mlflow/runs/log-metric`, point, ben), [403, "PERMISSION_DENIED"]);
  const batch = { run_id, metrics: [point] };
  assert.deepEqual(await asked(`${shop}/mlflow/runs/log-batch`, batch, ben), [403, "PERMISSION_DENIED"]);
  for (const method of ["PUT", "DELETE"]) {
    const body = method === "PUT" ? { body: "y" } : {};
    assert.equal((await fetch(file, { method, headers: ben, ...body })).status, 403, method);
  }
  assert.equal(await (await fetch(file)).text(), "x");

  await server.data(
    'mutation { grantRole(project: "shop", input: { member: "ben", role: Data_Scientist }) { position } }',
  );
  assert.deepEqual(await asked(`${shop}/mlflow/runs/set-tag`, tag, ben), [200, undefined]);
});
