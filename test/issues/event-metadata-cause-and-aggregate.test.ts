import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsOf, platform } from "../commands/platform.ts";

test("events name their aggregate and their true cause, which is not the correlation", async (t) => {
  const { store, send } = await platform(t);
  await send("RegisterModel", { id: "payer" }, { correlationId: "request-1" });
  await send("SetModelTag", { model: "payer", key: "k", value: "v" }, { correlationId: "request-1" });
  const [registered, tagged] = (await eventsOf(store, "model-shop/payer")).map(({ metadata }) => metadata);
  for (const { $correlationId, $causationId, project, aggregate, id } of [registered, tagged]) {
    assert.deepEqual([$correlationId, project, aggregate, id], ["request-1", "shop", "model", "payer"]);
    assert.notEqual($causationId, $correlationId);
  }
  assert.notEqual(registered.$causationId, tagged.$causationId);
});

test("a command that an event led to names that event, and a command of its own story names itself for both", async (t) => {
  const { store, send } = await platform(t);
  await send("RegisterModel", { id: "one" }, { correlationId: "c", causationId: "event-1" });
  await send("RegisterModel", { id: "two" });
  const [{ metadata: caused }] = await eventsOf(store, "model-shop/one");
  const [{ metadata: alone }] = await eventsOf(store, "model-shop/two");
  assert.deepEqual([caused.$correlationId, caused.$causationId], ["c", "event-1"]);
  assert.equal(alone.$correlationId, alone.$causationId);
});

test("a repeated command has one cause, whichever try wrote the events", async (t) => {
  const [one, two] = [await platform(t), await platform(t)];
  for (const { send } of [one, two]) await send("RegisterModel", { id: "payer" }, { idempotencyKey: "once" });
  const causes = await Promise.all(
    [one, two].map(async ({ store }) => (await eventsOf(store, "model-shop/payer"))[0].metadata.$causationId),
  );
  assert.equal(causes[0], causes[1]);
});
