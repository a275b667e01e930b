import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { recordOf } from "../../commands/fields.ts";
import { metricBatch } from "../../projections/tracking/points.ts";
import { type Json, mlflowServer, runInfo } from "./mlflow-client.ts";

test("a metric's key may have letters and digits of every script, as Python's \\w has them", () => {
  const batch = (key: string) =>
    metricBatch({ run: "a".repeat(32), experiment: "1" }, [{ key, value: 1, timestamp: 1, step: 0 }]);
  for (const key of ["validación", "损失/训练", "م٣", "½", "𝒳", "𝒳".repeat(250)]) {
    assert.equal(batch(key).points[0].key, key);
  }
  for (const key of ["e\u0301", "a$b", "→", "😀", "𝒳".repeat(251)]) {
    assert.throws(() => batch(key), { code: "BAD_REQUEST", message: /metrics\[0\]\.key/ });
  }
});

test("a key named __proto__ is a key as others are, in whatever a command takes by key", async (t) => {
  const record = recordOf(z.string().min(1), z.string().max(3), 2, "values");
  const proto = JSON.parse('{"__proto__": "1"}');
  assert.deepEqual(Object.entries(record.parse(proto)), [["__proto__", "1"]]);
  assert.deepEqual(record.parse({ a: "b" }), { a: "b" });
  assert.deepEqual(record.safeParse(JSON.parse('{"__proto__": "long"}')).error?.issues[0].path, ["__proto__"]);
  assert.deepEqual(record.safeParse({ a: "long" }).error?.issues[0].path, ["a"]);
  assert.equal(record.safeParse({ ...proto, a: "1", b: "2" }).success, false);
  assert.equal(record.safeParse("text").success, false);

  const { ok } = await mlflowServer(t);
  const { run_id } = runInfo(
    await ok("POST", "runs/create", { experiment_id: "0", tags: [{ key: "__proto__", value: "t0" }] }),
  );
  await ok("POST", "runs/log-parameter", { run_id, key: "__proto__", value: "1" });
  await ok("POST", "runs/log-parameter", { run_id, key: "constructor", value: "2" });
  const { data } = (await ok("GET", "runs/get", { run_id })).run as { data: { params: Json[]; tags: Json[] } };
  assert.deepEqual(
    data.params.map(({ key, value }) => [key, value]),
    [
      ["__proto__", "1"],
      ["constructor", "2"],
    ],
  );
  assert.ok(data.tags.some(({ key, value }) => key === "__proto__" && value === "t0"));
  await ok("POST", "runs/set-tag", { run_id, key: "__proto__", value: "t1" });
  await ok("POST", "runs/delete-tag", { run_id, key: "__proto__" });
});
