import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutTrailingSlashes } from "../../graphql/http/mlflow/slashes.ts";
import { within } from "../attacks/budget.ts";

test("a path of many slashes with something behind them is cut in time that grows with its length", () => {
  const slashes = "/".repeat(1_000_000);
  assert.equal(
    within({}, () => withoutTrailingSlashes(`a${slashes}x`)),
    `a${slashes}x`,
  );
  assert.equal(
    within({}, () => withoutTrailingSlashes(`a/b${slashes}`)),
    "a/b",
  );
  assert.equal(withoutTrailingSlashes("///"), "");
});
