import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import type { Entry, OnlineStore } from "../../infra/online-store/port.ts";

export type OnlineStoreSetup = {
  open: () => Promise<OnlineStore>;
  /** Lets so many milliseconds pass for every store that was opened. */
  advance: (ms: number) => Promise<void>;
};

const text = (value: Buffer | null): string | null => value?.toString() ?? null;
const entry = (key: string, value: string | null, more: Partial<Entry> = {}): Entry => ({
  key,
  value: value === null ? null : Buffer.from(value),
  ...more,
});

/** What every online store promises. `open` is called several times: faces of the same, empty store. */
export const onlineStoreContract = (name: string, { open, advance }: OnlineStoreSetup): void => {
  describe(`online store: ${name}`, () => {
    let store: OnlineStore;
    let other: OnlineStore;
    before(async () => {
      store = await open();
      other = await open();
    });
    after(async () => {
      await store.close();
      await other.close();
    });

    it("gives back what was set, in the order asked, null where there is nothing", async () => {
      await store.setMany([entry("a", "1"), entry("b", ""), { key: "c", value: Buffer.from([0, 255]) }]);
      assert.equal(text(await other.get("a")), "1");
      assert.equal(await store.get("none"), null);
      const values = await other.mget(["c", "none", "b", "a", "c"]);
      assert.deepEqual(values, [Buffer.from([0, 255]), null, Buffer.alloc(0), Buffer.from("1"), Buffer.from([0, 255])]);
      assert.deepEqual(await store.mget([]), []);
    });

    it("deletes", async () => {
      await store.setMany([entry("d", "1")]);
      await store.setMany([entry("d", null)]);
      assert.equal(await store.get("d"), null);
    });

    it("writes an offset only over a smaller one; without offset always", async () => {
      const set = (value: string | null, offset?: number) => store.setMany([entry("o", value, { offset })]);
      await set("five", 5);
      await set("four", 4);
      await set("five again", 5);
      assert.equal(text(await store.get("o")), "five");
      await set("six", 6);
      assert.equal(text(await store.get("o")), "six");
      await set(null, 8);
      await set("seven", 7);
      assert.equal(await store.get("o"), null);
      await set("anyway");
      assert.equal(text(await store.get("o")), "anyway");
    });

    it("ends alike whatever part of a log is replayed by whom", async () => {
      let run = 0;
      const log = fc.array(fc.constantFrom("x", "y", null), { minLength: 1, maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(log, fc.nat(8), fc.nat(8), async (values, from, to) => {
          const key = `replay/${run++}`;
          const entries = values.map((value, offset) => entry(key, value, { offset }));
          await store.setMany(entries);
          await Promise.all([other.setMany(entries.slice(0, to)), store.setMany(entries.slice(from))]);
          assert.equal(text(await store.get(key)), values.at(-1));
        }),
        { numRuns: 30 },
      );
    });

    it("forgets an entry when its time is over", async () => {
      await store.setMany([entry("t", "short", { ttlMs: 1000 }), entry("u", "long", { ttlMs: 5000 })]);
      assert.equal(text(await other.get("t")), "short");
      await advance(1001);
      assert.deepEqual((await other.mget(["t", "u"])).map(text), [null, "long"]);
      await store.setMany([entry("t", "anew")]);
      await advance(10_000);
      assert.deepEqual((await other.mget(["t", "u"])).map(text), ["anew", null]);
    });

    it("pages an index by score and member, both ways, over ties", async () => {
      const members = [
        ["b", 1],
        ["a", 1],
        ["é", 1],
        ["z", -2.5],
        ["c", 3],
      ] as const;
      await store.setMany(
        [],
        members.map(([member, score]) => ({ index: "i", member, score })),
      );
      await store.setMany([], [{ index: "i2", member: "q", score: 0 }]);
      const walk = async (reverse: boolean, limit: number): Promise<string[]> => {
        const seen: string[] = [];
        for (let after: { score: number; member: string } | undefined; ; ) {
          const page = await other.range("i", { after, reverse, limit });
          if (page.length === 0) return seen;
          seen.push(...page.map(({ member }) => member));
          after = page.at(-1);
        }
      };
      for (const limit of [1, 2, 10]) {
        assert.deepEqual(await walk(false, limit), ["z", "a", "b", "é", "c"]);
        assert.deepEqual(await walk(true, limit), ["c", "é", "b", "a", "z"]);
      }
      assert.equal(await other.count("i"), 5);
      assert.equal(await other.count("nothing"), 0);
    });

    it("moves and removes a member", async () => {
      await store.setMany([], [{ index: "m", member: "a", score: 1 }]);
      await store.setMany(
        [],
        [
          { index: "m", member: "b", score: 2 },
          { index: "m", member: "a", score: 3 },
          { index: "m", member: "none", score: null },
        ],
      );
      assert.deepEqual(await other.range("m", { limit: 9 }), [
        { member: "b", score: 2 },
        { member: "a", score: 3 },
      ]);
      await store.setMany([], [{ index: "m", member: "b", score: null }]);
      assert.equal(await other.count("m"), 1);
    });

    it("clears by prefix, and nothing else", async () => {
      const keys = ["p/1", "p/\u{10ffff}", "p0", "q/1", "p"];
      await store.setMany(
        keys.map((key) => entry(key, key)),
        ["p/i", "q/i"].map((index) => ({ index, member: "a", score: 1 })),
      );
      await other.clear("p/");
      assert.deepEqual((await store.mget(keys)).map(text), [null, null, "p0", "q/1", "p"]);
      assert.equal(await store.count("p/i"), 0);
      assert.equal(await store.count("q/i"), 1);
    });

    it("tells subscribers what is published, until they leave", async () => {
      const heard: string[] = [];
      const all = Promise.withResolvers<void>();
      const note = (who: string) => (message: string) => {
        heard.push(`${who} ${message}`);
        if (message === "last") all.resolve();
      };
      const leave = await store.subscribe("news", note("one"));
      await store.subscribe("news", note("two"));
      await store.subscribe("weather", note("three"));
      await store.publish("news", "first");
      const echo = Promise.withResolvers<void>();
      const stop = await store.subscribe("echo", () => echo.resolve());
      await store.publish("echo", "");
      await echo.promise;
      await stop();
      await leave();
      await other.publish("news", "last");
      await all.promise;
      assert.deepEqual(heard, ["one first", "two first", "two last"]);
    });

    it("keeps the order of one caller's writes", async () => {
      const writes = Array.from({ length: 50 }, (_, i) => store.setMany([entry("order", String(i))]));
      await Promise.all(writes);
      await store.flush();
      assert.equal(text(await other.get("order")), "49");
    });

    it("survives a close and refuses what comes after it", async () => {
      const third = await open();
      const accepted = third.setMany([entry("kept", "yes")]);
      await third.close();
      await accepted;
      assert.equal(text(await store.get("kept")), "yes");
      await assert.rejects(third.setMany([entry("late", "no")]), { code: "CLOSED" });
      await assert.rejects(third.get("kept"), { code: "CLOSED" });
      await assert.rejects(third.publish("news", "late"), { code: "CLOSED" });
    });
  });
};
