import assert from "node:assert/strict";
import { test } from "node:test";
import type { OnlineFeatures } from "../../projections/online-features.ts";
import { testServer } from "./platform.ts";
import { openShop } from "./shop.ts";

const query = `query ($at: DateTime) {
  onlineFeatures(project: "shop", view: "shopper", entities: ["ann", "bob", "cy"], features: ["spent"], at: $at) {
    view features vectors { entity status at values }
  }
}`;

for (const jit of [0, 1]) {
  test(`${jit === 0 ? "interpreted" : "compiled"}: features as of now, or as of the moment asked for`, async (t) => {
    const now = Date.UTC(2026, 10, 20);
    const get = async (
      _project: string,
      _view: string,
      _entities: readonly string[],
      _features?: readonly string[],
      at = now,
    ): Promise<OnlineFeatures[]> => [
      { entity: "ann", status: "PRESENT", at, values: [0.5] },
      { entity: "bob", status: "OUTSIDE_MAX_AGE", at, values: [null] },
      { entity: "cy", status: "NOT_FOUND", at, values: [null] },
    ];
    const server = await testServer(t, { jit, deps: { onlineFeatures: { get } } });
    await openShop(server);
    const vectorsAt = (at: string) => [
      { entity: "ann", status: "PRESENT", at, values: [0.5] },
      { entity: "bob", status: "OUTSIDE_MAX_AGE", at, values: [null] },
      { entity: "cy", status: "NOT_FOUND", at, values: [null] },
    ];
    const answer = (at: string) => ({
      onlineFeatures: { view: "shopper", features: ["spent"], vectors: vectorsAt(at) },
    });
    assert.deepEqual(await server.data(query), answer("2026-11-20T00:00:00.000Z"));
    assert.deepEqual(await server.data(query, { at: "2001-03-01T06:00:00Z" }), answer("2001-03-01T06:00:00.000Z"));
    assert.deepEqual(await server.data(query, { at: 1000 }), answer("1970-01-01T00:00:01.000Z"));
  });
}
