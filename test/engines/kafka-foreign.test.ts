import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs from "kafkajs";
import { kafkaBroker } from "../../infra/broker/kafka/kafka.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { readAll, readerOf, record } from "../contracts/broker-reading.ts";
import { kafkaSetup, kafkaUrl } from "./kafka-brokers.ts";

const { url, skip } = kafkaUrl();
const sasl = kafkaUrl("KAFKA_SASL_URL");
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

// kafkajs comes without zstd, and with snappy as a type that has to be given.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
});
CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => snappyLiteral(buffer),
  decompress: async (bytes: Buffer) => bytes,
});

/** A snappy block that holds one literal: its length as varint, then tag, length and bytes. */
const snappyLiteral = (bytes: Buffer): Buffer => {
  assert.ok(bytes.length > 60 && bytes.length < 128);
  return Buffer.concat([Buffer.from([bytes.length, 60 << 2, bytes.length - 1]), bytes]);
};

describe("kafka: foreign clients", { skip }, () => {
  let made: ReturnType<typeof kafkaSetup>;
  let broker: Broker;
  let theirs: InstanceType<typeof Kafka>;
  beforeEach(async () => {
    made = kafkaSetup(url);
    broker = await made.open();
    theirs = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING });
  });
  afterEach(() => made.cleanup());

  const send = async (topic: string, compression: number, messages: kafkajs.Message[]): Promise<void> => {
    const producer = theirs.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: made.prefix + topic, compression, messages });
    await producer.disconnect();
  };

  it("write what is read, in every codec, to the same partitions", async () => {
    await broker.ensureTopic("a", { partitions: 3, cleanup: "delete" });
    const messages = Array.from({ length: 30 }, (_, i) => ({
      key: i % 7 === 0 ? null : `key ü ${i}`,
      value: i % 5 === 0 ? null : `value ${i}`,
      timestamp: `${1_000_000 + i}`,
      headers: i % 2 === 0 ? { cause: `é ${i}` } : undefined,
      ...(i % 7 === 0 ? { partition: 0 } : {}),
    }));
    for (const codec of [CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.ZSTD]) {
      await send("a", codec, messages);
    }
    const seen = await readAll(broker, "a");
    assert.equal(seen.length, 90);
    for (const [i, { key, value }] of messages.entries()) {
      const found = seen.filter(({ timestamp }) => timestamp === 1_000_000 + i);
      assert.deepEqual(
        found.map((one) => [one.key, one.value]),
        Array.from({ length: 3 }, () => [key, value]),
      );
      if (key === null) continue;
      const [{ partition }] = await broker.produce("a", [record(key, "same")]);
      assert.deepEqual([...new Set(found.map((one) => one.partition))], [partition]);
    }
    const batch = await readerOf(broker, "a", 3).poll("a", 0);
    assert.deepEqual(batch?.headers?.[0], { cause: "é 0" });
  });

  for (const compression of ["none", "gzip", "zstd"]) {
    it(`read what is written with ${compression}, and nothing that was not committed`, async () => {
      const ours = await made.open(`&compression=${compression}`);
      await ours.ensureTopic("a", { partitions: 1, cleanup: "delete" });
      const writer = await ours.writer("w");
      const transaction = writer.transaction();
      transaction.add("a", 0, "ключ", Buffer.from("one"), 5, { why: "é" });
      transaction.add("a", 0, null, null, 6);
      await transaction.commit();
      await ours.produce("a", [record("k", "two", 7)]);
      const consumer = theirs.consumer({ groupId: `${made.prefix}reader` });
      await consumer.connect();
      await consumer.subscribe({ topic: `${made.prefix}a`, fromBeginning: true });
      const read: unknown[] = [];
      const all = Promise.withResolvers<void>();
      await consumer.run({
        eachMessage: async ({ message }) => {
          const { key, value, timestamp, headers } = message;
          read.push([key?.toString() ?? null, value?.toString() ?? null, timestamp, headers?.why?.toString()]);
          if (read.length === 3) all.resolve();
        },
      });
      await all.promise;
      await consumer.disconnect();
      assert.deepEqual(read, [
        ["ключ", "one", "5", "é"],
        [null, null, "6", undefined],
        ["k", "two", "7", undefined],
      ]);
      assert.equal((await readAll(ours, "a")).length, 3);
    });
  }

  it("that compress with what is not read are told apart by topic and codec", async () => {
    await broker.ensureTopic("a", { partitions: 1, cleanup: "delete" });
    await send("a", CompressionTypes.Snappy, [{ key: "k", value: "x".repeat(70), timestamp: "1" }]);
    await assert.rejects(
      readerOf(broker, "a", 1).poll("a", 0),
      (error) => isMillraceError(error, "ENGINE_REFUSED") && /"a".*snappy/.test(error.message),
    );
  });

  it("hold readers back while their transaction is open, and what they abort is skipped", async () => {
    await broker.ensureTopic("a", { partitions: 1, cleanup: "delete" });
    await broker.produce("a", [record("k", "before")]);
    const producer = theirs.producer({
      transactionalId: `${made.prefix}theirs`,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const messages = [1, 2].map((i) => ({ key: "k", value: `aborted ${i}`, timestamp: "1" }));
    const transaction = await producer.transaction();
    await transaction.send({ topic: `${made.prefix}a`, messages });
    const reader = readerOf(broker, "a", 1);
    assert.equal((await reader.poll("a", 0))?.count, 1);
    assert.equal(await reader.poll("a", 0), null);
    assert.deepEqual(await broker.watermarks("a"), [{ low: 0, high: 1 }]);
    await transaction.abort();
    await producer.disconnect();
    // Two records and, soon, the marker of their end stand between.
    while ((await broker.watermarks("a"))[0].high < 4);
    const [{ offset }] = await broker.produce("a", [record("k", "after")]);
    assert.equal(offset, 4);
    const batch = await reader.poll("a", 0);
    assert.deepEqual([...(batch?.offsets ?? [])], [4]);
    assert.equal(await reader.poll("a", 0), null);
    assert.deepEqual(
      (await readAll(broker, "a")).map((one) => one.value),
      ["before", "after"],
    );
    assert.deepEqual(await broker.watermarks("a"), [{ low: 0, high: 5 }]);
  });

  it("may have made the topic", async () => {
    const admin = theirs.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [
        {
          topic: `${made.prefix}plain`,
          numPartitions: 2,
          replicationFactor: 1,
          configEntries: [
            { name: "max.message.bytes", value: "2000" },
            { name: "retention.ms", value: "86400000" },
          ],
        },
      ],
    });
    await admin.disconnect();
    assert.deepEqual(await broker.topic("plain"), {
      partitions: 2,
      cleanup: "delete",
      retentionMs: 86_400_000,
      maxRecordBytes: 1872,
    });
    const now = Date.now();
    const value = "x".repeat(1500);
    await broker.produce("plain", [record("k", value, now), record("k", value, now)]);
    assert.equal((await readAll(broker, "plain")).length, 2);
    await assert.rejects(broker.produce("plain", [record("k", "x".repeat(1900), now)]), (error) =>
      isMillraceError(error, "RECORD_TOO_LARGE"),
    );
  });
});

describe("kafka: credentials", { skip: sasl.skip }, () => {
  it("are taken where they are right", async () => {
    const made = kafkaSetup(sasl.url);
    const broker = await made.open();
    await broker.ensureTopic("a", { partitions: 2, cleanup: "delete" });
    await broker.produce("a", [record("k", "v"), record("l", "w"), record("m", "x")]);
    assert.equal((await readAll(broker, "a")).length, 3);
    await made.cleanup();
  });

  it("are refused at once where they are wrong, and never shown", async () => {
    const wrong = new URL(sasl.url);
    wrong.password = "hush-hush";
    for (const mechanism of ["scram-sha-256", "scram-sha-512", "plain"]) {
      wrong.searchParams.set("sasl", mechanism);
      const started = performance.now();
      await assert.rejects(kafkaSetup(wrong.href).open(), (error) => {
        assert.ok(isMillraceError(error, "ENGINE_REFUSED"), String(error));
        assert.ok(!JSON.stringify([error.message, error.stack, error.details, String(error.cause)]).includes("hush"));
        return true;
      });
      assert.ok(performance.now() - started < 5000);
    }
  });
});

describe("kafka: nobody there", () => {
  it("is said within seconds, naming host and setting", async () => {
    await assert.rejects(kafkaSetup("kafka://user:hush@127.0.0.1:1").open(), (error) => {
      assert.ok(isMillraceError(error, "ENGINE_UNAVAILABLE"));
      assert.match(error.message, /BROKER.*127\.0\.0\.1:1/);
      assert.ok(!error.message.includes("hush"));
      return true;
    });
  });

  for (const [bad, says] of [
    ["kafka://", /write kafka:/],
    ["kafka://user@h:9092", /user:password/],
    ["kafka://h:9092?colour=red", /"colour" is no parameter/],
    ["kafka://h:9092?compression=lz4", /compression must be one of none, gzip, zstd/],
    ["kafka://u:hush@h:9092?sasl=oauthbearer", /oauth-token-url/],
    ["kafka://h:9092?replication-factor=0", /replication-factor/],
  ] as const) {
    it(`names what is wrong with ${bad.replace("hush", "...")}`, async () => {
      await assert.rejects(kafkaBroker(bad), (error) => {
        assert.ok(isMillraceError(error, "INVALID_SETTING"));
        assert.match(error.message, says);
        assert.ok(!error.message.includes("hush"));
        return true;
      });
    });
  }
});
