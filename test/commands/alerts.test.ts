import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { CommandRequest, CommandResult } from "../../commands/bus.ts";
import { runAlertReactor } from "../../commands/reactors/alerts.ts";
import { alertId } from "../../commands/reactors/drift-alert.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { DriftRecord } from "../../schemas/topics.ts";
import { topicOf } from "../../schemas/topics.ts";
import { eventsOf, platform, temporaryDirectory } from "./platform.ts";

const HOUR = 3_600_000;

const result = (change: Partial<DriftRecord> = {}): DriftRecord => ({
  monitor: "drift",
  endpoint: "payment",
  model: "payer",
  version: 1,
  column: "amount",
  statistic: "psi",
  value: 0.41237,
  threshold: 0.2,
  drifted: true,
  from: 0,
  to: 24 * HOUR,
  rows: 1000,
  ...change,
});

const topic = topicOf.drift("shop");
const decode = (value: Buffer): DriftRecord => JSON.parse(value.toString());

const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await condition())) await new Promise(setImmediate);
};

const world = async (t: TestContext) => {
  const directory = temporaryDirectory(t);
  const shop = await platform(t);
  const broker = sqliteBroker(join(directory, "broker.db"));
  t.after(() => broker.close());
  const produce = (...results: (DriftRecord | string)[]) =>
    broker.produce(
      topic,
      results.map((value) => ({
        key: null,
        value: Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
        timestamp: 0,
        partition: 0,
      })),
    );
  return { ...shop, broker, produce };
};

const committed = async (broker: Broker): Promise<number> =>
  (await broker.committed("reactor-alerts")).find((at) => at.topic === topic)?.offset ?? 0;

/** Runs the reactor until everything of the first partition is read. */
const react = async (
  broker: Broker,
  dispatch: (request: CommandRequest) => Promise<CommandResult>,
  count: number,
): Promise<void> => {
  const stop = new AbortController();
  const running = runAlertReactor({ broker, dispatch, projects: () => ["shop"], decode, signal: stop.signal });
  await until(async () => (await committed(broker)) >= count);
  stop.abort();
  await running;
};

test("each drifted result raises one alert, which says what was found", async (t) => {
  const { store, bus, broker, produce } = await world(t);
  await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
  await produce(result(), result({ column: "orders_1h", drifted: false }), result({ from: HOUR, to: 25 * HOUR }));
  await react(broker, bus.dispatch, 3);
  const [event] = await eventsOf(store, `alert-shop/${alertId(result())}`);
  const { monitor, endpoint, drifted: _, ...rest } = result();
  const message =
    "psi of amount is 0.4124, above 0.2, over 1000 rows from 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z";
  assert.deepEqual(event.data, { monitor, deployment: endpoint, ...rest, message });
  assert.equal(event.metadata.$causationId, `${topic}/0/0`);
  assert.equal(event.metadata.actor, "alert-reactor");
  assert.equal((await eventsOf(store, `alert-shop/${alertId(result({ from: HOUR }))}`)).length, 1);
  assert.equal((await eventsOf(store, `alert-shop/${alertId(result({ column: "orders_1h" }))}`)).length, 0);
});

test("results that are read again raise nothing twice", async (t) => {
  const { store, bus, broker, produce } = await world(t);
  await broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
  await produce(result());
  await react(broker, bus.dispatch, 1);
  const head = await store.head();
  await broker.commitOffsets("reactor-alerts", [{ topic, partition: 0, offset: 0 }]);
  await produce(result({ value: 0.5 }));
  await react(broker, bus.dispatch, 2);
  assert.equal(await store.head(), head);
});

test("what cannot be read or raised is passed over; what can be tried again is", async (t) => {
  const { store, bus, broker, produce } = await world(t);
  await broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
  await produce("not a result", result({ monitor: "Not a slug" }), result());
  let failures = 1;
  const flaky: typeof bus.dispatch = async (request) => {
    if (request.type === "RaiseAlert" && failures-- > 0) throw new MillraceError("STORAGE_FULL", "full");
    return bus.dispatch(request);
  };
  await react(broker, flaky, 3);
  assert.equal((await eventsOf(store, `alert-shop/${alertId(result())}`)).length, 1);
});

test("a drift topic that appears later is followed too", async (t) => {
  const { store, bus, broker, produce } = await world(t);
  const stop = new AbortController();
  const projects: string[] = [];
  const deps = { broker, dispatch: bus.dispatch, projects: () => projects, decode, signal: stop.signal };
  const running = runAlertReactor(deps);
  projects.push("shop");
  await broker.ensureTopic(topic, { partitions: 1, cleanup: "delete" });
  await produce(result());
  await until(async () => (await eventsOf(store, `alert-shop/${alertId(result())}`)).length === 1);
  stop.abort();
  await running;
});

test("an alert's id is a slug and tells findings apart", () => {
  const base = result();
  const others = [{ monitor: "m2" }, { column: "Amount" }, { version: 2 }, { model: "other" }, { from: 1 }];
  const ids = [base, ...others.map(result)].map(alertId);
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^[a-z0-9][a-z0-9-]{0,62}$/);
  assert.match(alertId(result({ monitor: "m".repeat(63) })), /^[a-z0-9-]{61}$/);
  assert.equal(alertId(result({ value: 9, rows: 1, to: 5 })), alertId(base));
});
