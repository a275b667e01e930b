import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import {
  comparePositions,
  type EventStore,
  type NewEvent,
  type Position,
  type StoredEvent,
  type SubscriptionMessage,
} from "../../infra/event-store/port.ts";
import type { LogMark } from "../../infra/log-marks.ts";

export const newEvent = (type: string, data: unknown = {}, at = 1): NewEvent => ({
  id: randomUUID(),
  type,
  data,
  metadata: { $correlationId: "c", $causationId: "c", actor: "ada", project: "p", schemaVersion: 1, at },
});

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

const types = (events: StoredEvent[]): string[] => events.map((event) => event.type);

/**
 * What every event store promises. `open` is called twice: two faces of the same, empty store. `events` is how many a
 * subscription is followed over.
 */
export const eventStoreContract = (
  name: string,
  open: () => Promise<EventStore>,
  { events: total = 1500 }: { events?: number } = {},
): void => {
  describe(`event store: ${name}`, () => {
    let store: EventStore;
    let other: EventStore;
    before(async () => {
      store = await open();
      other = await open();
    });
    after(async () => {
      await store?.close();
      await other?.close();
    });

    it("is empty at first", async () => {
      assert.equal(await store.head(), "0");
      assert.deepEqual(await collect(store.readAll()), []);
      assert.deepEqual(await collect(store.readStream("none-p/1")), []);
    });

    it("agrees with a store that has handled its events, up to the newest that both have", async () => {
      const { position: first } = await store.append("marks-p/1", [newEvent("Opened")], "no-stream");
      const [event] = await collect(store.readStream("marks-p/1"));
      const mark = await store.mark(event);
      const { position: second } = await store.append("marks-p/1", [newEvent("Closed")], 0n);
      const agreed = async (marks: readonly LogMark[], upTo: Position) => {
        const { position, shared } = await other.agreed(marks, upTo);
        return { position, shared };
      };
      assert.deepEqual(await agreed([mark], first), { position: first, shared: true });
      assert.deepEqual(await agreed([], second), { position: second, shared: true });
      assert.deepEqual(await agreed([], "999999999999"), { position: await store.head(), shared: true });
      const foreign = { ...mark, id: mark.id.replaceAll(/[0-9a-f]/g, "0") };
      assert.deepEqual(await agreed([foreign], first), { position: "0", shared: false });
      assert.deepEqual(await agreed([mark, { ...foreign, from: Number(first) + 1 }], second), {
        position: first,
        shared: true,
      });
    });

    it("gives back what was appended, with dense revisions from 0", async () => {
      const first = newEvent("Opened", { list: [1, null, "é"], nested: { at: 1.5 } });
      const second = newEvent("Closed");
      const answer = await store.append("a-p/1", [first, second], "no-stream");
      assert.equal(answer.revision, 1n);
      assert.equal(answer.deduplicated, false);
      const events = await collect(other.readStream("a-p/1"));
      assert.deepEqual(
        events.map(({ id, type, data, metadata, stream, revision }) => ({
          id,
          type,
          data,
          metadata,
          stream,
          revision,
        })),
        [
          { ...first, stream: "a-p/1", revision: 0n },
          { ...second, stream: "a-p/1", revision: 1n },
        ],
      );
      assert.equal(events[1].position, answer.position);
      assert.equal(await other.head(), answer.position);
      assert.deepEqual(types(await collect(store.readStream("a-p/1", 1n))), ["Closed"]);
    });

    it("refuses an append at another revision, and writes nothing of it", async () => {
      await store.append("b-p/1", [newEvent("One")], "no-stream");
      for (const expected of ["no-stream", 1n, 5n] as const) {
        await assert.rejects(store.append("b-p/1", [newEvent("Two"), newEvent("Three")], expected), {
          code: "WRONG_EXPECTED_REVISION",
        });
      }
      await assert.rejects(store.append("b-p/2", [newEvent("Two")], 0n), { code: "WRONG_EXPECTED_REVISION" });
      assert.deepEqual(types(await collect(store.readStream("b-p/1"))), ["One"]);
      assert.equal((await store.append("b-p/1", [newEvent("Two")], 0n)).revision, 1n);
      assert.equal((await store.append("b-p/1", [newEvent("Three")], "any")).revision, 2n);
    });

    it("refuses an append of nothing", async () => {
      await assert.rejects(store.append("b-p/3", [], "any"), { code: "BAD_REQUEST" });
    });

    for (const expected of ["no-stream", "any"] as const) {
      it(`answers a retry (${expected}) as the first time`, async () => {
        const stream = `c-p/${expected}`;
        const events = [newEvent("One"), newEvent("Two")];
        const answer = await store.append(stream, events, expected);
        await store.append(stream, [newEvent("Three")], 1n);
        assert.deepEqual(await other.append(stream, events, expected), { ...answer, deduplicated: true });
        assert.equal((await collect(store.readStream(stream))).length, 3);
      });
    }

    it("refuses event ids that come back in other company", async () => {
      const [one, two, three] = [newEvent("One"), newEvent("Two"), newEvent("Three")];
      await store.append("d-p/1", [one, two], "no-stream");
      for (const events of [
        [one, three],
        [three, two],
        [two, one],
        [newEvent("Four"), one],
      ]) {
        await assert.rejects(store.append("d-p/1", events, "any"), { code: "IDEMPOTENCY_CONFLICT" });
      }
      assert.deepEqual(types(await collect(store.readStream("d-p/1"))), ["One", "Two"]);
    });

    it("lets exactly one of many concurrent writers win a revision", async () => {
      const attempts = Array.from({ length: 40 }, (_, i) =>
        (i % 2 === 0 ? store : other).append("e-p/1", [newEvent(`Try${i}`), newEvent(`Then${i}`)], "no-stream"),
      );
      const settled = await Promise.allSettled(attempts);
      assert.equal(settled.filter(({ status }) => status === "fulfilled").length, 1);
      for (const outcome of settled) {
        if (outcome.status === "rejected") assert.equal(outcome.reason.code, "WRONG_EXPECTED_REVISION");
      }
      assert.equal((await collect(store.readStream("e-p/1"))).length, 2);
    });

    it("reads all in one order, by prefix, time, position and limit", async () => {
      const start = await store.head();
      await store.append("x-p/1", [newEvent("X1", {}, 10), newEvent("X2", {}, 30)], "any");
      await store.append("y-p/1", [newEvent("Y1", {}, 20)], "any");
      await store.append("xy-p/1", [newEvent("Z1", {}, 40)], "any");
      await store.append("_-p/1", [newEvent("U1", {}, 50)], "any");
      const read = async (options: Parameters<EventStore["readAll"]>[0]) =>
        types(await collect(store.readAll({ after: start, ...options })));
      assert.deepEqual(await read({}), ["X1", "X2", "Y1", "Z1", "U1"]);
      assert.deepEqual(await read({ prefixes: ["x-"] }), ["X1", "X2"]);
      assert.deepEqual(await read({ prefixes: ["xy-", "y-"] }), ["Y1", "Z1"]);
      assert.deepEqual(await read({ prefixes: ["_-"] }), ["U1"]);
      assert.deepEqual(await read({ prefixes: [] }), []);
      assert.deepEqual(await read({ until: 20 }), ["X1", "Y1"]);
      assert.deepEqual(await read({ limit: 2 }), ["X1", "X2"]);
      const [, , third] = await collect(store.readAll({ after: start }));
      assert.deepEqual(types(await collect(store.readAll({ after: third.position }))), ["Z1", "U1"]);
    });

    it("subscribes: history, caught up once, then live, without gap or repeat", async () => {
      const stop = new AbortController();
      const start = await store.head();
      const [half, most] = [Math.floor(total * 0.47), Math.floor(total * 0.8)];
      const append = async (from: number, to: number, into: EventStore) => {
        for (let i = from; i < to; i++) await into.append(`s-p/${i % 7}`, [newEvent("S", { i })], "any");
      };
      await Promise.all([append(0, half, store), store.append("t-p/1", [newEvent("Other")], "any")]);
      const marks: SubscriptionMessage[] = [];
      const seen: number[] = [];
      const reading = (async () => {
        for await (const message of other.subscribe({ after: start, prefixes: ["s-"], signal: stop.signal })) {
          if (message.type === "caughtUp") marks.push(message);
          else if (message.type === "event") seen.push((message.event.data as { i: number }).i);
          if (seen.length === total) stop.abort();
        }
      })();
      await append(half, most, store);
      await append(most, total, other);
      await reading;
      assert.deepEqual(seen, [...Array(total).keys()]);
      assert.equal(marks.length, 1);
    });

    it("tells an empty subscription that it has caught up, and ends when aborted", async () => {
      const stop = new AbortController();
      const messages = store.subscribe({ after: await store.head(), signal: stop.signal });
      const iterator = messages[Symbol.asyncIterator]();
      assert.deepEqual(await iterator.next(), {
        done: false,
        value: { type: "caughtUp", position: await store.head() },
      });
      const pending = iterator.next();
      stop.abort();
      assert.equal((await pending).done, true);
    });

    it("holds each stream dense and all in order, whatever is appended", async () => {
      const appendsOf = fc.array(fc.record({ stream: fc.nat(3), size: fc.integer({ min: 1, max: 4 }) }), {
        maxLength: 12,
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(appendsOf, async (appends) => {
          const prefix = `f${run++}-p/`;
          await Promise.all(
            appends.map(({ stream, size }, i) =>
              (i % 2 === 0 ? store : other).append(
                prefix + stream,
                Array.from({ length: size }, () => newEvent("F")),
                "any",
              ),
            ),
          );
          const all = await collect(store.readAll({ prefixes: [prefix] }));
          assert.equal(
            all.length,
            appends.reduce((sum, { size }) => sum + size, 0),
          );
          const revisions = new Map<string, bigint>();
          for (const [i, event] of all.entries()) {
            if (i > 0) assert.ok(comparePositions(all[i - 1].position, event.position) < 0);
            assert.equal(event.revision, (revisions.get(event.stream) ?? -1n) + 1n);
            revisions.set(event.stream, event.revision);
          }
        }),
        { numRuns: 25 },
      );
    });

    it("refuses what comes after close, and ends a subscription with CLOSED", async () => {
      const third = await open();
      const iterator = third
        .subscribe({ after: await third.head(), signal: new AbortController().signal })
        [Symbol.asyncIterator]();
      await iterator.next();
      const pending = iterator.next();
      const accepted = third.append("g-p/1", [newEvent("Last")], "any");
      await third.close();
      assert.equal((await accepted).revision, 0n);
      await assert.rejects(third.append("g-p/1", [newEvent("Late")], "any"), { code: "CLOSED" });
      const live = await pending.catch((error: unknown) => error);
      if (!(live instanceof Error)) await assert.rejects(iterator.next(), { code: "CLOSED" });
      else assert.equal((live as Error & { code: string }).code, "CLOSED");
    });
  });
};
