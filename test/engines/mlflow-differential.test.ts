import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startMlflow } from "../../bench/tracking/mlflow-server.ts";
import { root, startPlatform, temporaryFolder } from "../e2e/platform.ts";
import { compare, type Difference, type Server } from "./mlflow/both.ts";
import { differences, type KnownDifference } from "./mlflow/differences.ts";
import { registryCalls } from "./mlflow/registry-calls.ts";
import { trackingCalls } from "./mlflow/tracking-calls.ts";
import { pythonWith } from "./python.ts";

const calls = [...trackingCalls, ...registryCalls];
const found = pythonWith(join(root, "examples/python/requirements.txt"));

const covers = ({ calls: of, at = /(?:)/ }: KnownDifference, difference: Difference): boolean =>
  (of === "all" || of.includes(difference.what)) && at.test(difference.at);

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 300) ?? "nothing";

test("names of calls tell them apart", () => {
  const names = calls.map(({ what }) => what);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

test(`MLflow's own server and ours answer ${calls.length} calls alike, but where it is said`, {
  skip: "missing" in found ? found.missing : false,
}, async (t) => {
  assert.ok("path" in found);
  const folder = temporaryFolder(t, "mlflow-differential");
  const options = ["--workers", "1", "--artifacts-destination", join(folder, "artifacts")];
  const theirs = await startMlflow(folder, [found.path, "-m", "mlflow"], options);
  assert.ok(theirs !== null, "MLflow's server does not start");
  t.after(() => theirs.close());
  const mlflow: Server = { url: theirs.url, kept: new Map() };
  const millrace: Server = { url: (await startPlatform(t, join(folder, "data"))).url, kept: new Map() };
  const unexpected: string[] = [];
  const met = new Set<KnownDifference>();
  for (const call of calls) {
    for (const difference of await compare(call, mlflow, millrace)) {
      const known = differences.find((one) => covers(one, difference));
      if (known !== undefined) met.add(known);
      else {
        const { what, at, mlflow: one, millrace: other } = difference;
        unexpected.push(`${what}: ${at}: MLflow ${shown(one)}, Millrace ${shown(other)}`);
      }
    }
  }
  assert.deepEqual(unexpected, []);
  assert.deepEqual(
    differences.filter((one) => !met.has(one)).map(({ said }) => said),
    [],
    "differences that are none",
  );
});
