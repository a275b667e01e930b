import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type Broker, partitionKey, type RecordBatch, type TopicConfig } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { readerOf, record, seenIn } from "./broker-reading.ts";

/** A broker of its own for one test. `another` opens the same data once more, as a second thread would. */
export type BrokerSetup = { broker: Broker; another(): Promise<Broker>; cleanup(): Promise<void> };

const plain: TopicConfig = { partitions: 1, cleanup: "delete" };
const coded = (code: Parameters<typeof isMillraceError>[1]) => (error: unknown) => isMillraceError(error, code);

/** What every broker's readers promise; part of `brokerContract`. */
export const readerContract = (made: () => BrokerSetup): void => {
  describe("a reader", () => {
    let broker: Broker;
    beforeEach(() => {
      broker = made().broker;
    });

    it("starts where it is told, in the middle of a batch too, and seeks", async () => {
      await broker.ensureTopic("a", plain);
      await broker.produce(
        "a",
        Array.from({ length: 10 }, (_, i) => record("k", `${i}`)),
      );
      const reader = broker.reader({
        partitions: [{ topic: "a", partition: 0 }],
        from: new Map([[partitionKey("a", 0), 4]]),
        maxRecords: 4,
      });
      const values = async () => seenIn((await reader.poll("a", 0)) as RecordBatch).map((one) => one.value);
      assert.deepEqual(await values(), ["4", "5", "6", "7"]);
      assert.deepEqual(await values(), ["8", "9"]);
      assert.equal(await reader.poll("a", 0), null);
      reader.seek("a", 0, 7);
      assert.deepEqual(await values(), ["7", "8", "9"]);
      await assert.rejects(reader.poll("a", 1), coded("ILLEGAL_STATE"));
    });

    it("gives many small writes as one batch", async () => {
      await broker.ensureTopic("a", plain);
      for (let i = 0; i < 30; i++) await broker.produce("a", [record(`k${i}`, `v${i}`, i)]);
      const batch = (await readerOf(broker, "a", 1, 20).poll("a", 0)) as RecordBatch;
      assert.equal(batch.count, 20);
      assert.deepEqual(seenIn(batch)[19], { partition: 0, offset: 19, key: "k19", value: "v19", timestamp: 19 });
    });

    it("stays within its limit of bytes, but for a single record", async () => {
      await broker.ensureTopic("a", plain);
      const value = "x".repeat(1000);
      for (let i = 0; i < 10; i++) await broker.produce("a", [record("k", value)]);
      const reader = broker.reader({ partitions: [{ topic: "a", partition: 0 }], from: new Map(), maxBytes: 3500 });
      assert.equal((await reader.poll("a", 0))?.count, 3);
      const narrow = broker.reader({ partitions: [{ topic: "a", partition: 0 }], from: new Map(), maxBytes: 10 });
      assert.equal((await narrow.poll("a", 0))?.count, 1);
    });

    it("is woken by another connection's write, and by none of another topic", async () => {
      await broker.ensureTopic("a", plain);
      await broker.ensureTopic("b", plain);
      const other = await made().another();
      const reader = readerOf(broker, "a", 1);
      assert.equal(await reader.poll("a", 0), null);
      let woken = false;
      const waiting = reader.wait(20_000).then((came) => {
        woken = true;
        return came;
      });
      await other.produce("b", [record("k", "v")]);
      await other.commitOffsets("g", [{ topic: "b", partition: 0, offset: 1 }]);
      assert.equal(woken, false);
      await other.produce("a", [record("k", "v")]);
      assert.equal(await waiting, true);
      assert.equal((await reader.poll("a", 0))?.count, 1);
    });

    it("says that nothing came, and hears of what comes between two waits", async () => {
      await broker.ensureTopic("a", { ...plain, partitions: 2 });
      const other = await made().another();
      const reader = readerOf(broker, "a", 2);
      for (let round = 0; round < 3; round++) {
        assert.equal(await reader.wait(20), false);
        assert.equal(await reader.poll("a", round % 2), null);
        const transaction = other.transaction();
        transaction.add("a", round % 2, "k", Buffer.from("v"), round);
        await transaction.commit();
        assert.equal(await reader.wait(20_000), true);
        assert.equal((await reader.poll("a", round % 2))?.count, 1);
      }
    });

    it("finds what was there, however soon a wait before was given up", async () => {
      await broker.ensureTopic("a", plain);
      await broker.produce("a", [record("k", "v")]);
      for (let turns = 0; turns < 40; turns++) {
        const reader = readerOf(broker, "a", 1);
        const abort = new AbortController();
        const waiting = reader.wait(60_000, abort.signal);
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        abort.abort();
        await waiting;
        assert.equal((await reader.poll("a", 0))?.count, 1, `after ${turns} turns of the loop`);
        await reader.close();
      }
    });

    it("does not wait when something came after its last poll, and stops when told", async () => {
      await broker.ensureTopic("a", plain);
      const reader = readerOf(broker, "a", 1);
      assert.equal(await reader.poll("a", 0), null);
      await broker.produce("a", [record("k", "v")]);
      assert.equal(await reader.wait(60_000), true);
      assert.equal((await reader.poll("a", 0))?.count, 1);
      assert.equal(await reader.wait(1), false);
      const abort = new AbortController();
      const aborted = reader.wait(60_000, abort.signal);
      abort.abort();
      assert.equal(await aborted, false);
      const closing = reader.wait(60_000);
      await reader.close();
      await closing;
      await assert.rejects(reader.poll("a", 0), coded("CLOSED"));
    });
  });
};
