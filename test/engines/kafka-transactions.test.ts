import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Broker, partitionKey } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { readAll, record } from "../contracts/broker-reading.ts";
import { kafkaSetup, kafkaUrl } from "./kafka-brokers.ts";

const { url, skip } = kafkaUrl();
const fenced = (error: unknown) => isMillraceError(error, "FENCED");

describe("kafka: transactions", { skip }, () => {
  let made: ReturnType<typeof kafkaSetup>;
  let broker: Broker;
  beforeEach(async () => {
    made = kafkaSetup(url);
    broker = await made.open();
    await broker.ensureTopic("in", { partitions: 2, cleanup: "delete" });
    await broker.ensureTopic("out", { partitions: 2, cleanup: "delete" });
  });
  afterEach(() => made.cleanup());

  it("of a fenced writer fail, and nothing of them is seen: neither records nor offsets", async () => {
    const other = await made.open();
    const first = await broker.writer("task");
    const before = first.transaction();
    before.add("out", 0, "k", Buffer.from("before"), 1);
    before.offsets("g", [{ topic: "in", partition: 0, offset: 1 }]);
    await before.commit();
    const late = first.transaction();
    late.add("out", 0, "k", Buffer.from("late"), 2);
    late.offsets("g", [{ topic: "in", partition: 0, offset: 2 }]);

    const second = await other.writer("task");
    assert.deepEqual(await other.committed("g"), [{ topic: "in", partition: 0, offset: 1 }]);
    await assert.rejects(late.commit(), fenced);
    const again = first.transaction();
    again.add("out", 1, "k", Buffer.from("again"), 3);
    await assert.rejects(again.commit(), fenced);

    const mine = second.transaction();
    mine.add("out", 0, "k", Buffer.from("mine"), 4);
    mine.offsets("g", [{ topic: "in", partition: 0, offset: 3 }]);
    await mine.commit();
    assert.deepEqual(
      (await readAll(other, "out")).map((one) => one.value),
      ["before", "mine"],
    );
    assert.deepEqual(await broker.committed("g"), [{ topic: "in", partition: 0, offset: 3 }]);
  });

  it("that are refused leave the writer as it was, and the marks are where readers may go", async () => {
    const writer = await broker.writer("task");
    const refused = writer.transaction();
    refused.add("out", 0, "k", Buffer.from("never"), 1);
    refused.offsets("g", [{ topic: "nowhere", partition: 0, offset: 1 }]);
    await assert.rejects(refused.commit(), (error) => isMillraceError(error, "UNKNOWN_TOPIC"));
    const good = writer.transaction();
    good.add("out", 0, "k", Buffer.from("seen"), 1);
    const [{ firstOffset }] = await good.commit();
    assert.deepEqual(
      (await readAll(broker, "out")).map(({ value, offset }) => [value, offset]),
      [["seen", firstOffset]],
    );
    assert.deepEqual(await broker.watermarks("out"), [
      { low: 0, high: firstOffset + 1 + broker.commitMarkers },
      { low: 0, high: 0 },
    ]);
  });

  it("commit offsets alone, and nothing at all", async () => {
    const writer = await broker.writer("task");
    assert.deepEqual(await writer.transaction().commit(), []);
    const only = writer.transaction();
    only.offsets("g", [{ topic: "in", partition: 1, offset: 7 }]);
    assert.deepEqual(await only.commit(), []);
    assert.deepEqual(await broker.committed("g"), [{ topic: "in", partition: 1, offset: 7 }]);
  });

  it("larger than a batch are one, in order, on every partition", async () => {
    const writer = await broker.writer("task");
    const large = writer.transaction();
    const count = 20_000;
    const value = Buffer.alloc(300, "x");
    for (let i = 0; i < count; i++) large.add("out", i % 2, `key${i}`, value, i);
    const written = await large.commit();
    assert.deepEqual(
      written.map((one) => [one.partition, one.firstOffset, one.count]),
      [
        [0, 0, count / 2],
        [1, 0, count / 2],
      ],
    );
    const seen = await readAll(broker, "out");
    assert.equal(seen.length, count);
    seen.forEach(({ partition, offset, timestamp }) => {
      assert.equal(timestamp, offset * 2 + partition);
    });
  });

  it("follow one another without a pause, read to the end across markers", async () => {
    const writer = await broker.writer("task");
    const reader = broker.reader({
      partitions: [{ topic: "out", partition: 0 }],
      from: new Map([[partitionKey("out", 0), 0]]),
    });
    for (let i = 0; i < 50; i++) {
      const one = writer.transaction();
      one.add("out", 0, "k", Buffer.from(`${i}`), i);
      one.offsets("g", [{ topic: "in", partition: 0, offset: i + 1 }]);
      await one.commit();
      const batch = await reader.poll("out", 0);
      assert.deepEqual([batch?.count, batch?.timestamps[0]], [1, i]);
      assert.equal(await reader.poll("out", 0), null);
    }
    await reader.close();
  });

  it("of many at a time do not get into each other's way", async () => {
    await broker.ensureTopic("shared", { partitions: 1, cleanup: "delete" });
    const writers = await Promise.all([1, 2, 3, 4].map((i) => broker.writer(`task-${i}`)));
    await Promise.all(
      writers.map(async (writer, w) => {
        for (let i = 0; i < 10; i++) {
          const one = writer.transaction();
          one.add("shared", 0, `${w}`, Buffer.from(`${i}`), i);
          await one.commit();
          await broker.produce("shared", [record(`p${w}`, `${i}`)]);
        }
      }),
    );
    const seen = await readAll(broker, "shared");
    assert.equal(seen.length, 80);
    for (const key of ["0", "1", "2", "3", "p0", "p1", "p2", "p3"]) {
      assert.deepEqual(
        seen.filter((one) => one.key === key).map((one) => one.value),
        Array.from({ length: 10 }, (_, i) => `${i}`),
      );
    }
  });

  it("of a process that is killed are there as a whole or not at all, and its successor knows which", async () => {
    for (let round = 0; round < 5; round++) {
      await broker.deleteTopic("out");
      await broker.ensureTopic("out", { partitions: 2, cleanup: "delete" });
      await broker.commitOffsets("g", [{ topic: "in", partition: 0, offset: 0 }]);
      const child = made.fork("kafka-writer.child.ts");
      await child.said("committed");
      while ((await broker.watermarks("out"))[0].high < 10 + round * 7);
      child.kill();
      await broker.writer("task");
      const [offset] = await broker.committed("g");
      const seen = await readAll(broker, "out");
      const expected = Array.from({ length: offset.offset }, (_, i) => `${i}`);
      for (const partition of [0, 1]) {
        const values = seen.filter((one) => one.partition === partition).map((one) => one.value);
        assert.deepEqual(values, expected);
      }
    }
  });

  it("wait for work without records beyond a marker costs no loop", async () => {
    const writer = await broker.writer("task");
    const one = writer.transaction();
    one.add("out", 0, "k", null, 1);
    await one.commit();
    // As the streams do: a new reader for each wait, from the record's next offset, which is the marker's.
    let woken = false;
    const reader = broker.reader({
      partitions: [{ topic: "out", partition: 0 }],
      from: new Map([[partitionKey("out", 0), 1]]),
    });
    const waiting = reader.wait(20_000).then(() => {
      woken = true;
    });
    assert.equal((await broker.watermarks("out"))[0].high, 2);
    assert.equal(woken, false);
    await broker.produce("out", [{ ...record("k", "v"), partition: 0 }]);
    await waiting;
    await reader.close();
  });
});
