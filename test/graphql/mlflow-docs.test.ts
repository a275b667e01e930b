import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Route, routeGroups } from "../../graphql/http/mlflow/door.ts";

test("docs/mlflow.md lists every call that is answered, and no other", () => {
  const answered: string[] = [];
  const record: Route = (method, path) => answered.push(`${method} ${path}`);
  for (const group of routeGroups) group(record);
  const text = readFileSync("docs/mlflow.md", "utf8");
  const table = text.slice(text.indexOf("| `POST experiments/create`"), text.indexOf("| `GET`, `PUT`, `DELETE /api"));
  const documented = [...table.matchAll(/`((?:GET|POST|PATCH|DELETE) [^`]+)`/g)].map(([, call]) => call);
  assert.deepEqual(documented.toSorted(), answered.toSorted());
});
