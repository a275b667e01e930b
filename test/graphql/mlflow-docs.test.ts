import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Route, routeGroups } from "../../graphql/http/mlflow/door.ts";
import { differences } from "../engines/mlflow/differences.ts";
import { registryCalls } from "../engines/mlflow/registry-calls.ts";
import { trackingCalls } from "../engines/mlflow/tracking-calls.ts";

test("docs/mlflow.md lists every call that is answered, and no other", () => {
  const answered: string[] = [];
  const record: Route = (method, path) => answered.push(`${method} ${path}`);
  for (const group of routeGroups) group(record);
  const text = readFileSync("docs/mlflow.md", "utf8");
  const table = text.slice(text.indexOf("| `POST experiments/create`"), text.indexOf("| `GET`, `PUT`, `DELETE /api"));
  const documented = [...table.matchAll(/`((?:GET|POST|PATCH|DELETE) [^`]+)`/g)].map(([, call]) => call);
  assert.deepEqual(documented.toSorted(), answered.toSorted());
});

test("docs/mlflow.md lists the differences that the differential test knows, and no others", () => {
  const text = readFileSync("docs/mlflow.md", "utf8");
  const section = text.slice(text.indexOf("## What differs"), text.indexOf("Beyond what those calls see:"));
  const said = [...section.matchAll(/^- (.*)$/gm)].map(([, line]) => line);
  assert.deepEqual(
    said,
    differences.map((one) => one.said),
  );
  assert.match(section, new RegExp(`same ${trackingCalls.length + registryCalls.length} calls`));
});
