import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { root, run, startPlatform, temporaryFolder } from "../e2e/platform.ts";
import { pythonWith } from "./python.ts";

const scripts = join(root, "examples/python");
const found = pythonWith(join(scripts, "requirements.txt"));

test("MLflow's own client tracks a sweep, registers models, and what it registered is deployed and predicts", {
  skip: "missing" in found ? found.missing : false,
}, async (t) => {
  assert.ok("path" in found);
  const platform = await startPlatform(t, temporaryFolder(t, "python"));
  for (const [script, told] of [
    ["sweep.py", /^3 runs; best depth-\d, loss 0\.\d+, 1000 points$/m],
    ["register.py", /^fraud version 1 is champion and in Production$/m],
    ["deploy.py", /^20 predictions of version 1, as the model gives them in Python$/m],
  ] as const) {
    const { code, output } = await run(found.path, [join(scripts, script)], {
      MLFLOW_TRACKING_URI: platform.url,
      PYTHONDONTWRITEBYTECODE: "1",
    });
    assert.equal(code, 0, `${script}:\n${output}\n${platform.output()}`);
    assert.match(output, told);
  }
});
