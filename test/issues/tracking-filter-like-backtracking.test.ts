import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { likePattern } from "../../projections/tracking/filter/like.ts";
import { parseFilter, parseOrder } from "../../projections/tracking/filter/parse.ts";
import { matcher } from "../../projections/tracking/index.ts";
import { refusedWithin, within } from "../attacks/budget.ts";

const holds = (filter: string, text: string): boolean => matcher(parseFilter("runs", filter))(() => [text]);

/** What LIKE was before: right, where it ended. */
const byRegExp = (pattern: string, ignoresCase: boolean): RegExp => {
  const source = pattern
    .replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
    .replaceAll("%", ".*")
    .replaceAll("_", ".");
  return new RegExp(`^${source}$`, ignoresCase ? "isu" : "su");
};

describe("LIKE over a text that nearly matches", () => {
  for (const pattern of [
    "%a%a%a%a%a%a%a%ab",
    `${"%a".repeat(450)}b`,
    `${"%_a".repeat(300)}b`,
    `%${"a_".repeat(400)}b%`,
    `${"%".repeat(900)}b`,
    `%${"a".repeat(900)}b`,
  ]) {
    it(`ends in time that grows with the text alone: ${pattern.slice(0, 20)}`, () => {
      for (const operator of ["LIKE", "ILIKE"]) {
        within({}, () => {
          for (let run = 0; run < 20; run++) {
            assert.equal(holds(`params.a ${operator} '${pattern}'`, "a".repeat(8_000)), false);
          }
        });
      }
    });
  }

  it("means what it meant before", () => {
    const letters = [
      "a",
      "b",
      "A",
      "é",
      "É",
      "ß",
      "ẞ",
      "\u{1f600}",
      "İ",
      "ı",
      "I",
      "ſ",
      "s",
      "σ",
      "ς",
      "Σ",
      "K",
      "k",
      "\n",
    ];
    const part = fc.constantFrom(...letters, "%", "%", "_");
    const text = fc.string({ unit: fc.constantFrom(...letters), maxLength: 60 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 45 }), text, fc.boolean(), (parts, other, ignoresCase) => {
        const pattern = parts.join("");
        const matching = parts.map((one) => (one === "%" ? other.slice(0, 4) : one === "_" ? "é" : one)).join("");
        const [expected, matches] = [byRegExp(pattern, ignoresCase), likePattern(pattern, ignoresCase)];
        for (const each of [other, matching, matching.toUpperCase(), `${matching}x`]) {
          assert.equal(matches(each), expected.test(each), JSON.stringify([pattern, each, ignoresCase]));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("folds every character as a regular expression does", () => {
    for (let point = 0x80; point < 0x20000; point++) {
      const character = String.fromCodePoint(point);
      const others = new Set([character.toUpperCase(), character.toLowerCase()]);
      for (const other of others) {
        if (other === character) continue;
        const expected = byRegExp(character, true).test(other);
        assert.equal(likePattern(character, true)(other), expected, `${point.toString(16)} ${other}`);
      }
    }
  });
});

describe("a search that asks for too much is refused, naming the limit", () => {
  const refused = (message: RegExp, run: () => unknown) => refusedWithin({}, "BAD_REQUEST", message, run);

  it("filters", () => {
    const condition = "params.a = 'x'";
    refused(/more than 100 conditions/, () => parseFilter("runs", Array(9_000).fill(condition).join(" AND ")));
    refused(/characters: \d+, at most 200000/, () => parseFilter("runs", `params.a = '${"x".repeat(500_000)}'`));
    refused(/at most 1000 characters/, () => parseFilter("runs", `params.a LIKE '${"%a".repeat(5_000)}'`));
    refused(/expected a field/, () => parseFilter("runs", "(".repeat(100_000)));
    refused(/not closed/, () => parseFilter("runs", `params.a = ${"'".repeat(99_999)}`));
    assert.equal(parseFilter("runs", Array(100).fill(condition).join(" AND ")).length, 100);
    const ids = Array.from({ length: 5_000 }, (_, i) => `'${String(i).padStart(32, "0")}'`);
    assert.equal(within({}, () => parseFilter("runs", `run_id IN (${ids.join(",")})`)).length, 1);
  });

  it("orders", () => {
    const keys = Array.from({ length: 5_000 }, (_, i) => `metrics.m${i}`);
    refused(/keys: 5000, at most 20/, () => parseOrder("runs", keys));
    refused(/order_by\[0\]: characters/, () => parseOrder("runs", [`metrics.${"m".repeat(100_000)}`]));
  });
});
