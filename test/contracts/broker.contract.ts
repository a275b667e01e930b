import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { type Broker, partitionOf, type RecordBatch, type TopicConfig } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { commands, followsModel } from "./broker-model.ts";
import { type BrokerSetup, readerContract } from "./broker-reader.contract.ts";
import { readAll, readerOf, record, seenIn } from "./broker-reading.ts";

const plain: TopicConfig = { partitions: 1, cleanup: "delete" };
const coded = (code: Parameters<typeof isMillraceError>[1]) => (error: unknown) => isMillraceError(error, code);

/** What every broker promises (infra/broker/port.ts). */
export const brokerContract = (name: string, setup: () => Promise<BrokerSetup>, { modelRuns = 60 } = {}): void => {
  describe(`broker: ${name}`, () => {
    let made: BrokerSetup;
    let broker: Broker;
    beforeEach(async () => {
      made = await setup();
      broker = made.broker;
    });
    afterEach(() => made.cleanup());

    describe("topics", () => {
      it("are created once, left as they are, listed and deleted with their log and offsets", async () => {
        const config: TopicConfig = { partitions: 3, cleanup: "compact", maxRecordBytes: 100 };
        await broker.ensureTopic("a", config);
        await broker.ensureTopic("a", config);
        assert.deepEqual(await broker.topic("a"), config);
        assert.equal(await broker.topic("b"), null);
        await broker.produce("a", [record("k", "v")]);
        await broker.commitOffsets("g", [{ topic: "a", partition: 0, offset: 1 }]);
        await broker.deleteTopic("a");
        assert.deepEqual(await broker.topics(), []);
        await broker.ensureTopic("a", config);
        assert.deepEqual(await readAll(broker, "a"), []);
        assert.deepEqual(await broker.committed("g"), []);
      });

      it("do not change their number of partitions", async () => {
        await broker.ensureTopic("a", plain);
        await assert.rejects(broker.ensureTopic("a", { ...plain, partitions: 2 }), coded("ILLEGAL_STATE"));
      });

      it("are named when they are unknown", async () => {
        await assert.rejects(broker.produce("nowhere", [record("k", "v")]), coded("UNKNOWN_TOPIC"));
        await assert.rejects(broker.watermarks("nowhere"), coded("UNKNOWN_TOPIC"));
        await assert.rejects(broker.deleteTopic("nowhere"), coded("UNKNOWN_TOPIC"));
        await assert.rejects(readerOf(broker, "nowhere", 1).poll("nowhere", 0), coded("UNKNOWN_TOPIC"));
      });
    });

    describe("marks", () => {
      const place = { topic: "a", partition: 0 };

      it("say that a log which only grew is the one that was read", async () => {
        await broker.ensureTopic("a", { ...plain, partitions: 2 });
        await broker.produce(
          "a",
          [record("k", "v"), record("k", "v")].map((one) => ({ ...one, partition: 0 })),
        );
        const [{ high }] = await broker.watermarks("a");
        const marks = await broker.marks("a");
        assert.equal(marks.length, 2);
        await broker.produce("a", [{ ...record("k", "v"), partition: 0 }]);
        const { at, shared, marks: kept } = await broker.agreed(place, [marks[0]], high);
        assert.deepEqual({ at, shared, newest: kept.at(-1) }, { at: high, shared: true, newest: marks[0] });
        assert.equal((await broker.agreed(place, [marks[0]], 1)).at, 1);
      });

      it("trust a store without marks up to the end of the log", async () => {
        await broker.ensureTopic("a", plain);
        await broker.produce("a", [record("k", "v")]);
        const [{ high }] = await broker.watermarks("a");
        const { at, shared } = await broker.agreed(place, [], 1000);
        assert.deepEqual({ at, shared }, { at: high, shared: true });
      });

      it("say that a topic which was made again is another log, also when it has grown past the place", async () => {
        await broker.ensureTopic("a", plain);
        await broker.produce("a", [record("k", "v"), record("k", "v")]);
        const marks = await broker.marks("a");
        await broker.deleteTopic("a");
        await broker.ensureTopic("a", plain);
        const nothing = async (): Promise<void> => {
          const { at, shared } = await broker.agreed(place, marks, 2);
          assert.deepEqual({ at, shared }, { at: 0, shared: false });
        };
        await nothing();
        await broker.produce("a", [record("k", "v"), record("k", "v"), record("k", "v")]);
        await nothing();
      });

      it("are of a topic that there is", async () => {
        await assert.rejects(broker.marks("nowhere"), coded("UNKNOWN_TOPIC"));
        await assert.rejects(broker.agreed({ topic: "nowhere", partition: 0 }, [], 0), coded("UNKNOWN_TOPIC"));
      });

      it("are told to a reader that is to go on beyond the end", async () => {
        await broker.ensureTopic("a", plain);
        await broker.produce("a", [record("k", "v")]);
        const [{ high }] = await broker.watermarks("a");
        const at = (offset: number) =>
          broker.reader({ partitions: [{ topic: "a", partition: 0 }], from: new Map([["a/0", offset]]) });
        const [end, beyond] = [at(high), at(high + 1)];
        assert.equal(await end.poll("a", 0), null);
        await assert.rejects(beyond.poll("a", 0), coded("LOG_CHANGED"));
        await end.close();
        await beyond.close();
      });

      it("are told to a reader under which a topic was made again, before it takes a record for another", async () => {
        await broker.ensureTopic("a", plain);
        await broker.produce("a", [record("k", "old"), record("k", "old")]);
        const reader = readerOf(broker, "a", 1);
        assert.equal((await reader.poll("a", 0))?.count, 2);
        await broker.deleteTopic("a");
        await broker.ensureTopic("a", plain);
        await broker.produce("a", [record("k", "new"), record("k", "new"), record("k", "new")]);
        await assert.rejects(async () => {
          for (;;) {
            const batch = await reader.poll("a", 0);
            assert.equal(batch, null, "records of another log");
            await reader.wait(100);
          }
        }, coded("LOG_CHANGED"));
        await reader.close();
      });
    });

    describe("produce", () => {
      it("gives dense offsets by partition, in order, and keeps keys together as Kafka does", async () => {
        await broker.ensureTopic("a", { ...plain, partitions: 4 });
        const keys = ["ATL", "ORD", "ATL", "DFW", "LAX", "ATL", "Zürich", ""];
        const places = await broker.produce(
          "a",
          keys.map((key, i) => record(key, `v${i}`, i)),
        );
        const next = [0, 0, 0, 0];
        keys.forEach((key, i) => {
          const partition = partitionOf(Buffer.from(key), 4);
          assert.deepEqual(places[i], { partition, offset: next[partition]++ });
        });
        const seen = await readAll(broker, "a");
        for (const [i, { partition, offset }] of places.entries()) {
          assert.deepEqual(
            seen.find((one) => one.partition === partition && one.offset === offset),
            { partition, offset, key: keys[i], value: `v${i}`, timestamp: i },
          );
        }
        (await broker.watermarks("a")).forEach(({ low, high }, partition) => {
          assert.equal(low, 0);
          assert.ok(high >= next[partition] && high <= next[partition] + broker.commitMarkers);
        });
      });

      it("keeps null keys, tombstones, empty values, headers and chosen partitions", async () => {
        await broker.ensureTopic("a", { ...plain, partitions: 2 });
        await broker.produce("a", [
          { ...record(null, "x"), partition: 1 },
          { ...record("k", null), partition: 1, headers: { cause: "é" } },
          { ...record("k", ""), partition: 1 },
        ]);
        const batch = (await readerOf(broker, "a", 2).poll("a", 1)) as RecordBatch;
        assert.deepEqual(
          seenIn(batch).map(({ key, value }) => [key, value]),
          [
            [null, "x"],
            ["k", null],
            ["k", ""],
          ],
        );
        assert.deepEqual([batch.headers?.[0], batch.headers?.[1]], [undefined, { cause: "é" }]);
      });

      it("spreads records without a key over the partitions, call by call", async () => {
        await broker.ensureTopic("a", { ...plain, partitions: 2 });
        for (let call = 0; call < 4; call++) await broker.produce("a", [record(null, "x")]);
        assert.deepEqual(
          (await broker.watermarks("a")).map((mark) => mark.high),
          [2, 2],
        );
      });

      it("writes nothing of a call with a record that is too large or has no time, and says which", async () => {
        await broker.ensureTopic("a", { ...plain, maxRecordBytes: 10 });
        await assert.rejects(broker.produce("a", [record("k", "v"), record("key", "12345678")]), (error) => {
          assert.ok(isMillraceError(error, "RECORD_TOO_LARGE"));
          assert.equal(error.details.index, 1);
          return true;
        });
        await assert.rejects(broker.produce("a", [record("k", "v", Number.NaN)]), coded("INVALID_RECORD"));
        await assert.rejects(broker.produce("a", [{ ...record("k", "v"), partition: 7 }]), coded("UNKNOWN_TOPIC"));
        await broker.produce("a", [record("kkkkk", "12345")]);
        assert.equal((await broker.watermarks("a"))[0].high, 1);
      });

      it("keeps concurrent calls apart and in order", async () => {
        await broker.ensureTopic("a", plain);
        const calls = await Promise.all(
          Array.from({ length: 50 }, (_, call) =>
            broker.produce("a", [record("k", `${call}.0`), record("k", `${call}.1`)]),
          ),
        );
        const values = new Map((await readAll(broker, "a")).map((one) => [one.offset, one.value]));
        assert.equal(values.size, 100);
        calls.forEach((places, call) => {
          places.forEach(({ offset }, i) => {
            assert.equal(values.get(offset), `${call}.${i}`);
            assert.ok(offset > (call === 0 ? -1 : calls[call - 1][1].offset));
          });
        });
      });
    });

    describe("a transaction", () => {
      it("shows its records and offsets together, and nothing of them before", async () => {
        await broker.ensureTopic("a", { ...plain, partitions: 2 });
        await broker.ensureTopic("b", plain);
        const other = await made.another();
        const transaction = broker.transaction();
        const reused = Buffer.from("one");
        transaction.add("a", 1, "k", reused, 1);
        reused.write("two");
        transaction.add("a", 1, Buffer.from("k"), reused, 2);
        transaction.add("b", 0, null, null, 3);
        transaction.offsets("g", [{ topic: "a", partition: 0, offset: 7 }]);
        assert.deepEqual(await readAll(other, "a"), []);
        assert.deepEqual(await transaction.commit(), [
          { topic: "a", partition: 1, firstOffset: 0, count: 2 },
          { topic: "b", partition: 0, firstOffset: 0, count: 1 },
        ]);
        assert.deepEqual(
          (await readAll(other, "a")).map((one) => one.value),
          ["one", "two"],
        );
        assert.equal((await readAll(other, "b")).length, 1);
        assert.deepEqual(await other.committed("g"), [{ topic: "a", partition: 0, offset: 7 }]);
      });

      it("leaves nothing behind when aborted, and ends with commit", async () => {
        await broker.ensureTopic("a", plain);
        const aborted = broker.transaction();
        aborted.add("a", 0, "k", Buffer.from("v"), 1);
        aborted.offsets("g", [{ topic: "a", partition: 0, offset: 1 }]);
        aborted.abort();
        await assert.rejects(aborted.commit(), coded("ILLEGAL_STATE"));
        assert.deepEqual(await readAll(broker, "a"), []);
        assert.deepEqual(await broker.committed("g"), []);
      });

      it("fails whole when one of its topics is missing", async () => {
        await broker.ensureTopic("a", plain);
        await broker.ensureTopic("gone", plain);
        const never = broker.transaction();
        never.add("a", 0, "k", Buffer.from("v"), 1);
        // An engine that has to ask for its topics learns at the commit that there is none.
        if (broker.commitMarkers > 0) never.add("nowhere", 0, "k", null, 1);
        else assert.throws(() => never.add("nowhere", 0, "k", null, 1), coded("UNKNOWN_TOPIC"));
        await assert.rejects(never.commit(), coded("UNKNOWN_TOPIC"));
        const late = broker.transaction();
        late.add("a", 0, "k", Buffer.from("v"), 1);
        late.add("gone", 0, "k", Buffer.from("v"), 1);
        await broker.deleteTopic("gone");
        await assert.rejects(late.commit(), coded("UNKNOWN_TOPIC"));
        const offsets = broker.transaction();
        offsets.add("a", 0, "k", Buffer.from("v"), 1);
        offsets.offsets("g", [{ topic: "gone", partition: 0, offset: 1 }]);
        await assert.rejects(offsets.commit(), coded("UNKNOWN_TOPIC"));
        assert.deepEqual(await readAll(broker, "a"), []);
      });

      it("goes on without a record that was too large", async () => {
        await broker.ensureTopic("a", { ...plain, maxRecordBytes: 4 });
        const transaction = broker.transaction();
        assert.throws(() => transaction.add("a", 0, "k", Buffer.from("large"), 1), coded("RECORD_TOO_LARGE"));
        transaction.add("a", 0, "k", Buffer.from("ok"), 1);
        assert.equal((await transaction.commit())[0].count, 1);
      });
    });

    readerContract(() => made);

    it("refuses a record without a key in a compacted topic", async () => {
      await broker.ensureTopic("a", { partitions: 1, cleanup: "compact" });
      await assert.rejects(broker.produce("a", [record(null, "v")]), coded("INVALID_RECORD"));
    });

    it("answers offsets of a group as they were last committed", async () => {
      await broker.ensureTopic("a", { ...plain, partitions: 2 });
      await broker.commitOffsets("g", [
        { topic: "a", partition: 0, offset: 3 },
        { topic: "a", partition: 1, offset: 4 },
      ]);
      await broker.commitOffsets("g", [{ topic: "a", partition: 1, offset: 9 }]);
      await broker.commitOffsets("h", [{ topic: "a", partition: 1, offset: 1 }]);
      assert.deepEqual(await broker.committed("g"), [
        { topic: "a", partition: 0, offset: 3 },
        { topic: "a", partition: 1, offset: 9 },
      ]);
      assert.deepEqual(await broker.committed("nobody"), []);
    });

    it("finishes what it was given, then refuses more", async () => {
      await broker.ensureTopic("a", plain);
      const last = broker.produce("a", [record("k", "v")]);
      await broker.close();
      assert.deepEqual(await last, [{ partition: 0, offset: 0 }]);
      await assert.rejects(broker.produce("a", [record("k", "v")]), coded("CLOSED"));
      assert.deepEqual((await readAll(await made.another(), "a")).length, 1);
    });

    it("equals a model of lists under any interleaving of writers, readers and cleaning", async () => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (steps) => {
          run++;
          await followsModel(broker, await made.another(), `p${run}`, steps);
        }),
        { numRuns: modelRuns },
      );
    });
  });
};
