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

    it("refuses a whole call where a key holds something else than expected", async () => {
      const [old, next] = [Buffer.from("1"), Buffer.from("2")];
      const write = (expected: Buffer | null, value: Buffer, offset: number) =>
        other.setMany(
          [entry("x-data", value.toString()), { key: "x-place", value, offset }],
          [{ index: "x", member: value.toString(), score: 1 }],
          [{ key: "x-place", value: expected }],
        );
      await write(null, old, 1);
      await assert.rejects(write(null, next, 2), { code: "ONLINE_STORE_CHANGED" });
      await assert.rejects(write(next, next, 2), { code: "ONLINE_STORE_CHANGED" });
      assert.equal(text(await store.get("x-data")), "1");
      assert.deepEqual(await store.range("x", { limit: 9 }), [{ member: "1", score: 1 }]);
      await write(old, next, 2);
      assert.equal(text(await store.get("x-data")), "2");
      await store.clear("x-");
      await assert.rejects(write(next, next, 3), { code: "ONLINE_STORE_CHANGED" });
      assert.equal(await store.get("x-data"), null);
      await write(null, old, 1);
      await store.setMany([{ key: "x-place", value: null, offset: 5 }]);
      await write(null, next, 6);
      assert.equal(text(await store.get("x-place")), "2");
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

    it("goes on after a member that is gone or has moved, among many of one score", async () => {
      const ties = Array.from({ length: 300 }, (_, i) => `\u00e9${String(i).padStart(3, "0")}`);
      const scored = (members: readonly string[], score: number | null) =>
        members.map((member) => ({ index: "ties", member, score }));
      await store.setMany([], [...scored(ties, 7), ...scored(["low"], 6.5), ...scored(["z"], 7.5)]);
      const gone = ties.filter((_, i) => i % 3 === 1);
      await store.setMany([], [...scored(gone, null), ...scored([ties[0]], 8)]);
      const left = [["low", 6.5], ...ties.slice(1).flatMap((tie) => (gone.includes(tie) ? [] : [[tie, 7]]))];
      const all = [...left, ["z", 7.5], [ties[0], 8]].map(([member, score]) => ({ member, score }));
      assert.deepEqual(await other.range("ties", { limit: 1000 }), all);
      for (const at of [0, 1, 2, 4, 100, 298, 299]) {
        const after = { score: 7, member: ties[at] };
        const above = all.filter((one) => +one.score! > 7 || (one.score === 7 && `${one.member}` > ties[at]));
        const below = all.filter((one) => +one.score! < 7 || (one.score === 7 && `${one.member}` < ties[at]));
        assert.deepEqual(await other.range("ties", { after, limit: 1000 }), above);
        assert.deepEqual(await other.range("ties", { after, limit: 3 }), above.slice(0, 3));
        assert.deepEqual(await other.range("ties", { after, reverse: true, limit: 1000 }), below.reverse());
      }
      assert.deepEqual(await other.range("ties", { after: { score: 9, member: "" }, limit: 5 }), []);
      assert.deepEqual(await other.range("ties", { limit: 0 }), []);
      assert.deepEqual(await other.range("nothing", { after: { score: 9, member: "" }, limit: 5 }), []);
    });

    it("shows the index entries of one call together", async () => {
      const pair = (score: number) => ["a", "b"].map((member) => ({ index: "pair", member, score }));
      await store.setMany([], pair(0));
      const written = Promise.all(
        Array.from({ length: 50 }, (_, i) => store.setMany([entry("pair", `${i}`)], pair(i))),
      );
      let isWriting = true;
      written.finally(() => {
        isWriting = false;
      });
      do {
        const [a, b] = await other.range("pair", { limit: 2 });
        assert.equal(a.score, b.score);
        await new Promise(setImmediate);
      } while (isWriting);
      assert.equal((await other.range("pair", { limit: 1 }))[0].score, 49);
    });

    it("writes thousands of entries in their order, offsets up to 2^53", async () => {
      const top = Number.MAX_SAFE_INTEGER;
      const entries = Array.from({ length: 5000 }, (_, i) =>
        entry(`many/${i % 2500}`, `${i}`, { offset: top - 5000 + i }),
      );
      await store.setMany(entries);
      await store.setMany([
        entry("many/0", "older", { offset: top - 2501 }),
        entry("many/1", "newest", { offset: top }),
      ]);
      const values = await other.mget(Array.from({ length: 2500 }, (_, i) => `many/${i}`));
      const expected = Array.from({ length: 2500 }, (_, i) => (i === 1 ? "newest" : `${2500 + i}`));
      assert.deepEqual(values.map(text), expected);
    });

    it("keeps keys and indexes apart, whatever their names", async () => {
      const name = "odd *[a-z]?\\ {x} \u{1f600}\n";
      await store.setMany(
        [entry(name, "value"), entry("odd other", "stays")],
        [{ index: name, member: name, score: -0.1 }],
      );
      assert.equal(text(await other.get(name)), "value");
      assert.deepEqual(await other.range(name, { limit: 1 }), [{ member: name, score: -0.1 }]);
      await other.clear("odd *[a");
      assert.equal(await store.get(name), null);
      assert.equal(await store.count(name), 0);
      assert.equal(text(await store.get("odd other")), "stays");
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
