import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  assign,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Member,
} from "../../infra/broker/kafka/assignment.ts";

const members = (owned: readonly (readonly number[])[]): Member[] =>
  owned.map((own, i) => ({ id: `m${i}`, topics: ["t"], owned: own, generation: 1 }));

describe("the co-partitioning assigner", () => {
  it("gives each number to one member, balanced to within one", () => {
    const group = fc.array(
      fc.record({ owned: fc.uniqueArray(fc.nat(20)), generation: fc.integer({ min: -1, max: 5 }) }),
      { minLength: 1, maxLength: 7 },
    );
    fc.assert(
      fc.property(group, fc.nat(16), (all, partitions) => {
        const given = assign(
          all.map((one, i) => ({ ...one, id: `m${i}`, topics: ["t"] })),
          partitions,
        );
        assert.deepEqual(
          [...given.values()].flat().sort((a, b) => a - b),
          Array.from({ length: partitions }, (_, number) => number),
        );
        const sizes = [...given.values()].map(({ length }) => length);
        assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      }),
    );
  });

  it("moves nothing while nothing changes, and no more than it must when a member comes or goes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(24), (count, partitions) => {
        const first = assign(members(Array.from({ length: count }, () => [])), partitions);
        const settled = members([...first.values()]);
        assert.deepEqual(assign(settled, partitions), first);
        const more = assign(members([...first.values(), []]), partitions);
        const moved = [...first].flatMap(([id, own]) => own.filter((number) => !more.get(id)?.includes(number)));
        assert.equal(moved.length, more.get(`m${count}`)?.length);
        if (count === 1) return;
        const fewer = assign(settled.slice(1), partitions);
        for (const { id, owned } of settled.slice(1)) {
          for (const number of owned) assert.ok(fewer.get(id)?.includes(number));
        }
      }),
    );
  });

  it("believes the newer claim", () => {
    const given = assign(
      [
        { id: "a", topics: ["t"], owned: [0, 1], generation: 3 },
        { id: "b", topics: ["t"], owned: [0, 1], generation: 4 },
      ],
      2,
    );
    assert.deepEqual(given.get("b"), [0]);
    assert.deepEqual(given.get("a"), [1]);
  });

  it("speaks Kafka's own forms", () => {
    const subscription = encodeSubscription(["a", "b"], [1, 4], 7);
    assert.deepEqual(decodeSubscription("m", subscription), {
      id: "m",
      topics: ["a", "b"],
      owned: [1, 4],
      generation: 7,
    });
    const assignment = encodeAssignment(
      [1, 4],
      new Map([
        ["a", 5],
        ["b", 3],
      ]),
    );
    assert.deepEqual(decodeAssignment(assignment), [1, 4]);
  });
});
