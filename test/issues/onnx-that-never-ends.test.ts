import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";
import { exportBoosting } from "../../ml/onnx/export.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { modelInspector } from "../../serving/inspector.ts";
import type { ModelLimits } from "../../serving/limits.ts";
import { sourceOf } from "../../serving/process/transfer.ts";
import { stump } from "../streams/world.ts";
import { constantProduct, deepTree, endlessLoop, hugeConstant, longLoop } from "../support/evil-models.ts";

const limits: ModelLimits = { inspectTimeoutMs: 3_000, scoreTimeoutMs: 3_000, memoryBytes: 2 ** 30 };
const sound = exportBoosting(stump(0, 1, -1, 1), ["a"]);

const evil: Record<string, { onnx: Buffer; says: RegExp }> = {
  "an endless Loop": { onnx: endlessLoop, says: /longer than 3000 ms.*MODEL_INSPECT_TIMEOUT_MS/ },
  "a Loop of 1e12 turns": { onnx: longLoop(1e12), says: /longer than 3000 ms/ },
  "a product of two constants of 20,000 x 20,000": { onnx: constantProduct(20_000), says: /longer than|memory/ },
  "a product of two constants of 8,000 x 8,000": { onnx: constantProduct(8_000), says: /longer than 3000 ms/ },
  "a constant of 16 GB": { onnx: hugeConstant(4e9), says: /more than 1024 MB of memory \(MODEL_MEMORY_BYTES\)/ },
  "a constant of 1.6 GB": { onnx: hugeConstant(4e8), says: /more than 1024 MB of memory/ },
  "a tree of 100,000 levels, on which the runtime crashes": { onnx: deepTree(100_000), says: /ONNX Runtime crash/ },
};

test("models that never end are INVALID_MODEL in time, each beside sound ones, and hold up nothing", async (t) => {
  const inspector = modelInspector(limits);
  t.after(() => inspector.close());
  // The first sets up the process.
  await inspector.inspect(sourceOf(sound));
  const delay = monitorEventLoopDelay({ resolution: 10 });
  for (const [what, { onnx, says }] of Object.entries(evil)) {
    await t.test(what, async () => {
      delay.enable();
      const startedAt = performance.now();
      await assert.rejects(inspector.inspect(sourceOf(onnx)), (error) => {
        assert.ok(isMillraceError(error, "INVALID_MODEL"), String(error));
        assert.match(error.message, says);
        return true;
      });
      const took = performance.now() - startedAt;
      assert.ok(took < 20_000, `${took} ms`);
      assert.ok(delay.max / 1e6 < 1_000, `the thread stood still for ${delay.max / 1e6} ms`);
      delay.disable();
      delay.reset();
      assert.deepEqual((await inspector.inspect(sourceOf(sound))).columns, ["a"], "the next model is looked at");
    });
  }
});

test("a model that waits behind an endless one is looked at; of many at once the last are told to try again", async (t) => {
  const inspector = modelInspector({ ...limits, inspectTimeoutMs: 500 });
  t.after(() => inspector.close());
  const first = inspector.inspect(sourceOf(endlessLoop));
  const behind = Promise.allSettled(Array.from({ length: 20 }, () => inspector.inspect(sourceOf(sound))));
  await assert.rejects(first, (error) => isMillraceError(error, "INVALID_MODEL"));
  const answers = await behind;
  const refused = answers.filter(({ status }) => status === "rejected");
  assert.equal(refused.length, 5);
  for (const one of refused) {
    assert.ok(one.status === "rejected" && isMillraceError(one.reason, "ENGINE_UNAVAILABLE"));
  }
});

test("an inspector that is closed ends its process in the middle of a model", async () => {
  const inspector = modelInspector({ ...limits, inspectTimeoutMs: 60_000 });
  await inspector.inspect(sourceOf(sound));
  const hanging = inspector.inspect(sourceOf(endlessLoop));
  hanging.catch(() => {});
  const startedAt = performance.now();
  await new Promise(setImmediate);
  await inspector.close();
  await assert.rejects(hanging, (error) => isMillraceError(error, "CLOSED"));
  assert.ok(performance.now() - startedAt < 20_000);
});
