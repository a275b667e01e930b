import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { agreedUpTo, type LogMark, withMark } from "../../infra/log-marks.ts";

type Log = { records: number[]; epochs: LogMark[] };
type Store = { records: number[]; marks: readonly LogMark[] };

/** A log with its backups and a store that is derived from it, in memory: what really agrees can be counted. */
const world = () => {
  let log: Log = { records: [], epochs: [{ id: "file", from: 0 }] };
  let backup: Log = structuredClone(log);
  let begun = false;
  let unique = 0;
  const store: Store = { records: [], marks: [] };
  const agreement = () =>
    agreedUpTo(store.marks, store.records.length, { epochs: log.epochs, low: 0, high: log.records.length });
  return {
    log: () => log,
    store,
    agreement,
    /** Records in common from the start. */
    truth(): number {
      const different = store.records.findIndex((record, i) => record !== log.records[i]);
      return different < 0 ? store.records.length : different;
    },
    write(count: number) {
      if (!begun) log.epochs.push({ id: `e${unique++}`, from: log.records.length });
      begun = true;
      for (let i = 0; i < count; i++) log.records.push(unique++);
    },
    open() {
      begun = false;
    },
    backUp() {
      backup = structuredClone(log);
    },
    restore() {
      log = structuredClone(backup);
      begun = false;
    },
    /** As every derived store does when it starts, and then on. */
    derive(count: number) {
      const { at, marks } = agreement();
      store.records.length = at;
      store.marks = marks;
      store.marks = withMark(store.marks, log.epochs[log.epochs.length - 1]);
      store.records.push(...log.records.slice(at, at + count));
    },
  };
};

const step = fc.oneof(
  fc.record({ kind: fc.constant("write" as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant("derive" as const), count: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ kind: fc.constantFrom("open" as const, "backUp" as const, "restore" as const), count: fc.constant(0) }),
);

describe("marks of a log", () => {
  it("never let a store keep what the log does not hold, whatever was restored and however far it has grown", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const made = world();
        for (const { kind, count } of steps) {
          if (kind === "write" || kind === "derive") made[kind](count);
          else made[kind]();
          const { at } = made.agreement();
          if (made.store.marks.length > 0) assert.equal(at, made.truth());
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are thinned, but for the first and the newest", () => {
    let marks: readonly LogMark[] = [];
    for (let i = 0; i < 1000; i++) marks = withMark(marks, { id: `e${i}`, from: i });
    assert.ok(marks.length <= 64);
    assert.equal(marks[0].id, "e0");
    assert.equal(marks.at(-1)?.id, "e999");
    assert.equal(withMark(marks, { id: "e999", from: 999 }), marks);
  });

  it("say when nothing is shared", () => {
    const history = { epochs: [{ id: "a", from: 0 }], low: 0, high: 90 };
    assert.deepEqual(agreedUpTo([{ id: "b", from: 0 }], 60, history), { at: 0, marks: history.epochs, shared: false });
    assert.deepEqual(agreedUpTo([], 60, history), { at: 60, marks: history.epochs, shared: true });
  });

  it("are found where retention has removed what came before them", () => {
    const history = { epochs: [{ id: "a", from: 40 }], low: 40, high: 90 };
    assert.deepEqual(agreedUpTo([{ id: "a", from: 10 }], 60, history).at, 60);
  });

  it("of one number but another beginning are of another log", () => {
    const history = { epochs: [5, 6].map((id) => ({ id: `${id}`, from: (id - 5) * 50 })), low: 0, high: 200 };
    const known = [
      { id: "5", from: 0 },
      { id: "6", from: 90 },
    ];
    assert.equal(agreedUpTo(known, 150, history).at, 50);
  });
});
