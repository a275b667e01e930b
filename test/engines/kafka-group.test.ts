import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Kafka, logLevel } from "kafkajs";
import type { Broker, Membership } from "../../infra/broker/port.ts";
import { kafkaSetup, kafkaUrl } from "./kafka-brokers.ts";

const { url, skip } = kafkaUrl();

const numbers = [0, 1, 2, 3, 4];
const ownedBy = (member: Membership): number[] => numbers.filter((number) => member.owns(number));

/** Resolves when the members own what is asked of them. */
const until = async (members: readonly Membership[], reached: () => boolean): Promise<void> => {
  const signal = AbortSignal.timeout(30_000);
  while (!reached()) {
    assert.ok(!signal.aborted, `they own ${JSON.stringify(members.map(ownedBy))}`);
    const seen = members.map((member) => member.revision());
    if (reached()) return;
    await Promise.race(members.map((member, i) => member.changed(seen[i], signal)));
  }
};

describe("kafka: memberships", { skip }, () => {
  let made: ReturnType<typeof kafkaSetup>;
  let one: Broker;
  let two: Broker;
  const place = { index: 0, of: 1 };
  beforeEach(async () => {
    made = kafkaSetup(url);
    one = await made.open();
    two = await made.open();
    await one.ensureTopic("a", { partitions: 5, cleanup: "delete" });
    await one.ensureTopic("b", { partitions: 3, cleanup: "delete" });
  });
  afterEach(() => made.cleanup());

  it("own nothing before they subscribe, share evenly, keep what they can, and take over who leaves", async () => {
    const first = await one.join("streams", place);
    assert.deepEqual(ownedBy(first), []);
    first.subscribe(["a", "b"]);
    await until([first], () => ownedBy(first).length === 5);
    const second = await two.join("streams", place);
    second.subscribe(["b", "a"]);
    await until([first, second], () => ownedBy(second).length === 2 && ownedBy(first).length === 3);
    const kept = ownedBy(first);
    assert.deepEqual([...kept, ...ownedBy(second)].sort(), numbers);

    const admin = new Kafka({ brokers: [new URL(url).host], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { groups } = await admin.describeGroups([`${made.prefix}streams`]);
    assert.deepEqual([groups[0].state, groups[0].protocolType, groups[0].members.length], ["Stable", "consumer", 2]);
    await admin.disconnect();

    await second.leave();
    assert.deepEqual(ownedBy(second), []);
    await until([first], () => ownedBy(first).length === 5);
  });

  it("follow a change of the topics", async () => {
    const first = await one.join("streams", place);
    first.subscribe(["b"]);
    await until([first], () => ownedBy(first).length === 3);
    first.subscribe(["a", "b"]);
    await until([first], () => ownedBy(first).length === 5);
    first.subscribe([]);
    // Of no topics number 0 is left: who leads.
    await until([first], () => ownedBy(first).length === 1);
    assert.deepEqual(ownedBy(first), [0]);
  });

  it("of one that dies without a word go to the others", { timeout: 60_000 }, async () => {
    const dying = made.fork("kafka-member.child.ts");
    const survivor = await one.join("streams", place);
    survivor.subscribe(["a"]);
    await dying.said("owns");
    await until([survivor], () => ownedBy(survivor).length < 5 && ownedBy(survivor).length > 0);
    dying.kill();
    await until([survivor], () => ownedBy(survivor).length === 5);
  });
});
