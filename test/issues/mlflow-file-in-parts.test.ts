import assert from "node:assert/strict";
import { test } from "node:test";
import { mlflowServer, runInfo } from "./mlflow-client.ts";

test("a file that is uploaded in parts is there whole, whatever the order of its parts", async (t) => {
  const { ok, refused, url } = await mlflowServer(t);
  const { run_id } = runInfo(await ok("POST", "runs/create", { experiment_id: "0" }));
  const base = "/api/2.0/mlflow-artifacts/mpu";
  const below = `0/${run_id}/artifacts/weights`;
  const created = await ok("POST", `${base}/create/${below}`, { path: "/home/me/model.bin", num_parts: 3 });
  const credentials = created.credentials as { url: string; part_number: number; headers: Record<string, string> }[];
  assert.deepEqual(
    credentials.map(({ part_number }) => part_number),
    [1, 2, 3],
  );
  const texts = ["first,", "second,", "third"];
  const parts = await Promise.all(
    credentials.toReversed().map(async ({ url: to, part_number, headers }) => {
      const response = await fetch(to, { method: "PUT", body: texts[part_number - 1], headers });
      assert.equal(response.status, 200);
      return { part_number, etag: response.headers.get("etag"), url: to };
    }),
  );
  const { upload_id } = created;
  const complete = (given: unknown) =>
    [`${base}/complete/${below}`, { path: "/home/me/model.bin", upload_id, parts: given }] as const;
  await refused("POST", ...complete(parts.slice(0, 2)), 400, "INVALID_PARAMETER_VALUE");
  await refused("POST", ...complete([...parts, parts[0]]), 400, "INVALID_PARAMETER_VALUE");
  const unknown = [{ part_number: 1, etag: "0".repeat(64) }];
  await refused("POST", ...complete(unknown), 400, "INVALID_PARAMETER_VALUE");
  await ok("POST", ...complete(parts));
  const response = await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/${below}/model.bin`);
  assert.equal(await response.text(), "first,second,third");
  const { files } = await ok("GET", "artifacts/list", { run_id, path: "weights" });
  assert.deepEqual(files, [{ path: "weights/model.bin", is_dir: false, file_size: 18 }]);

  await ok("POST", `${base}/abort/${below}`, { path: "model.bin", upload_id });
  const nowhere = `0/${"f".repeat(32)}/artifacts`;
  await refused("POST", `${base}/create/${nowhere}`, { path: "a", num_parts: 1 }, 404, "RESOURCE_DOES_NOT_EXIST");
  await refused("POST", `${base}/create/${below}`, { path: "a", num_parts: 10_001 }, 400, "INVALID_PARAMETER_VALUE");
  await refused(
    "POST",
    `${base}/create/${below}/../../x`,
    { path: "..", num_parts: 1 },
    400,
    "INVALID_PARAMETER_VALUE",
  );
});
