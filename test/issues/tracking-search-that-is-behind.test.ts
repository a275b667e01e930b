import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import type { SchemaRegistry } from "../../infra/schema-registry/port.ts";
import { runSinks } from "../../projections/clickhouse/runner.ts";
import { runs as runFold } from "../../projections/documents/runs.ts";
import type { RunDocument } from "../../projections/documents/types.ts";
import { runRunFields, trackingStore } from "../../projections/tracking/index.ts";
import { topicOf } from "../../schemas/topics.ts";
import { type Fixture, openFixture } from "../projections/clickhouse-fixture.ts";
import { record } from "../projections/stores.ts";

const run = "0123456789abcdef0123456789abcdef";
const search = { experiments: ["1"], filter: "metrics.loss < 0.3", view: "active", first: 5 } as const;

describe("a search over runs whose tables are behind", () => {
  let fixture: Fixture;
  let broker: Broker;
  let eventStore: EventStore;
  let registry: SchemaRegistry;
  let project = "";
  let projects = 0;

  before(async () => {
    fixture = await openFixture();
    broker = sqliteBroker(join(fixture.folder, "broker.db"));
    eventStore = sqliteEventStore(join(fixture.folder, "events.db"));
    registry = await openSchemaRegistry("embedded:", eventStore);
  });
  after(async () => {
    await broker.close();
    await eventStore.close();
    await fixture.close();
  });
  beforeEach(() => {
    project = `p${projects++}`;
  });

  /** As each process that answers has one of its own. */
  const storeOf = (searchWaitMs: number) =>
    trackingStore({
      ...{ broker, eventStore, registry, warehouse: fixture.warehouse, searchWaitMs },
      async runs(_, ids) {
        const found = await Promise.all(
          ids.map(async (id) => {
            let document: RunDocument | null = null;
            for await (const event of eventStore.readStream(`run-${project}/${id}`)) {
              document = runFold.project(document, event);
            }
            return document ?? [];
          }),
        );
        return found.flat();
      },
    });
  const createRun = () =>
    record(eventStore, {
      ...{ aggregate: "run", project, id: run },
      event: { type: "RunCreated", data: { experiment: "1", name: "r", user: "", startTime: 1, tags: {} } },
    });
  const filling = () => {
    const stop = new AbortController();
    const { signal } = stop;
    const { warehouse } = fixture;
    const topics = () => [{ kind: "metrics" as const, project, topic: topicOf.metrics(project) }];
    const running = Promise.all([
      runSinks({ broker, warehouse, topics, signal, clock: systemClock, flushMs: 20 }),
      runRunFields({ eventStore, warehouse, signal, lingerMs: 20 }),
    ]);
    return async (): Promise<void> => {
      stop.abort();
      await running;
    };
  };
  const loss = (value: number) => ({ key: "loss", value, timestamp: 1, step: 0 });

  it("says so instead of giving an old list, also to a process that has written nothing", async () => {
    await createRun();
    const writer = storeOf(50);
    await writer.logMetrics(project, { run, experiment: "1" }, [loss(0.2)]);
    for (const store of [writer, storeOf(50)]) {
      await assert.rejects(store.searchRuns(project, search), { code: "PROJECTION_BEHIND", retryable: true });
    }
    const stop = filling();
    try {
      const { runs } = await storeOf(30_000).searchRuns(project, search);
      assert.deepEqual(
        runs.map(({ run: { id } }) => id),
        [run],
      );
    } finally {
      await stop();
    }
  });

  it("is not behind for events of others, nor for a record that no table will have", async () => {
    await record(eventStore, {
      ...{ aggregate: "run", project: "another", id: run },
      event: { type: "RunCreated", data: { experiment: "1", name: "r", user: "", startTime: 1, tags: {} } },
    });
    await broker.ensureTopic(topicOf.metrics(project), { partitions: 4, cleanup: "delete" });
    await broker.produce(topicOf.metrics(project), [{ key: run, value: Buffer.from("foreign"), timestamp: 1 }]);
    assert.deepEqual((await storeOf(50).searchRuns(project, search)).runs, []);
  });
});
