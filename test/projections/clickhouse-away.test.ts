import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Broker } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { systemClock } from "../../infra/clock.ts";
import { openWarehouse, type Warehouse } from "../../infra/warehouse/open.ts";
import { runSinks, type SinkAssignment } from "../../projections/clickhouse/runner.ts";
import { topicOf } from "../../schemas/topics.ts";
import { encodePrediction, type Fixture, openFixture, predictionAt } from "./clickhouse-fixture.ts";

const project = "flights";
const flushRecords = 1_000;
/** Most that one read of a topic brings. */
const pollRecords = 16_384;

/** A way to the warehouse that can be cut: connections break, and new ones are refused. */
const proxyTo = async (target: string) => {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let server: Server;
  let listensOn = 0;
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const open = async (): Promise<void> => {
    server = createServer((near) => {
      const far = connect(Number(port), hostname);
      keep(near).pipe(keep(far)).pipe(near);
    });
    await once(server.listen(listensOn, "127.0.0.1"), "listening");
    listensOn = (server.address() as { port: number }).port;
  };
  const cut = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await open();
  return { url: `http://127.0.0.1:${listensOn}`, open, cut };
};

describe("a warehouse that is away", () => {
  let fixture: Fixture;
  let broker: Broker;
  let read = 0;

  before(async () => {
    // The proxy has a port of its own.
    fixture = await openFixture({ allowedHosts: ["127.0.0.1"] });
    const real = sqliteBroker(join(fixture.folder, "broker.db"));
    broker = {
      ...real,
      reader: (options) => {
        const reader = real.reader(options);
        return {
          ...reader,
          poll: async (topic, partition) => {
            const batch = await reader.poll(topic, partition);
            read += batch?.count ?? 0;
            return batch;
          },
        };
      },
    };
  });
  after(async () => {
    await broker.close();
    await fixture.close();
  });

  /**
   * Runs the sinks over a topic of so many predictions. `leave` is called after the first insert, and `comeBack` when
   * several further tries to insert have failed; answers how many records the sinks had in hand meanwhile.
   */
  const through = async (
    endpoint: string,
    records: number,
    warehouse: Warehouse,
    { leave, comeBack }: { leave(): void | Promise<void>; comeBack(): void | Promise<void> },
  ): Promise<number[]> => {
    const topic = topicOf.predictions(project, endpoint);
    const assignment: SinkAssignment = { kind: "predictions", project, endpoint, topic };
    await broker.ensureTopic(topic, { partitions: 2, cleanup: "delete" });
    for (const partition of [0, 1]) {
      const values = Array.from({ length: records / 2 }, (_, i) =>
        encodePrediction(predictionAt(partition, i, endpoint)),
      );
      await broker.produce(
        topic,
        values.map((value, i) => ({ key: null, value, timestamp: i, partition })),
      );
    }
    read = 0;
    let written = 0;
    const inHand: number[] = [];
    const stop = new AbortController();
    await runSinks({
      broker,
      warehouse,
      topics: () => [assignment],
      signal: stop.signal,
      clock: systemClock,
      flushRecords,
      flushMs: 20,
      retryMs: 100,
      onProgress: (progress) => {
        if (written === 0) void leave();
        written += progress.records;
        if (written === records) stop.abort();
      },
      onError: (kind) => {
        if (kind !== "predictions") return;
        inHand.push(read - written);
        if (inHand.length === 3) void comeBack();
      },
    });
    return inHand;
  };

  const isThereOnce = async (endpoint: string, records: number): Promise<void> => {
    const found = await fixture.rows(
      `SELECT count() AS n, uniqExact(id) AS u FROM predictions WHERE endpoint = '${endpoint}'`,
    );
    assert.deepEqual(found, [{ n: records, u: records }]);
  };

  it("is waited for with no more in hand than two inserts, and then has everything once", async () => {
    const records = 80_000;
    const proxy = await proxyTo(fixture.engine.url);
    const throughProxy = new URL(`${fixture.engine.url}/millrace`);
    throughProxy.port = new URL(proxy.url).port;
    const warehouse = openWarehouse(throughProxy.href, { retryForMs: 200 });
    try {
      const inHand = await through("cut", records, warehouse, { leave: proxy.cut, comeBack: proxy.open });
      assert.ok(inHand.length >= 3);
      const most = 2 * (flushRecords + pollRecords);
      assert.ok(Math.max(...inHand) <= most, `${inHand} records in hand, at most ${most}`);
      assert.equal(inHand[1], inHand[2], "nothing more is read while nothing is written");
      assert.ok(records > most, "there was more to read");
      await isThereOnce("cut", records);
    } finally {
      await warehouse.close();
      await proxy.cut();
    }
  });

  it("is given up when it falls silent, and takes each insert once though it is sent again", async () => {
    const records = 20_000;
    const warehouse = openWarehouse(`${fixture.engine.url}/millrace`, { retryForMs: 200, silentMs: 300 });
    const { pid } = fixture.engine;
    try {
      await through("silent", records, warehouse, {
        leave: () => void process.kill(pid, "SIGSTOP"),
        comeBack: () => void process.kill(pid, "SIGCONT"),
      });
      await isThereOnce("silent", records);
    } finally {
      await warehouse.close();
    }
  });
});
