// Before anything asks for a date: where machines are that is not UTC.
process.env.TZ = "America/New_York";

import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphQLScalarType, parseValue } from "graphql";
import { schema } from "../../graphql/schema.ts";
import { openWarehouse as openClient } from "../../infra/warehouse/open.ts";
import { momentOf } from "../../schemas/moment.ts";
import { openWarehouse } from "../support/warehouse.ts";

test("a moment without a zone is UTC, whatever the zone of the machine", () => {
  assert.equal(new Date(2026, 0, 1).getUTCHours(), 5, "the test runs in New York");
  const same: [string, string][] = [
    ["2026-11-29T05:30:00", "2026-11-29T05:30:00.000Z"],
    ["2026-11-29 05:30", "2026-11-29T05:30:00.000Z"],
    ["2026-11-29", "2026-11-29T00:00:00.000Z"],
    ["2026-11-29T05:30:00Z", "2026-11-29T05:30:00.000Z"],
    ["2026-11-29t05:30:00.1z", "2026-11-29T05:30:00.100Z"],
    ["2026-11-29T05:30:00.123999Z", "2026-11-29T05:30:00.123Z"],
    ["2026-11-29T05:30:00+02:00", "2026-11-29T03:30:00.000Z"],
    ["2026-11-29T05:30:00-0530", "2026-11-29T11:00:00.000Z"],
    ["2026-11-29T24:00:00Z", "2026-11-30T00:00:00.000Z"],
    ["2024-02-29T12:00Z", "2024-02-29T12:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ];
  for (const [text, expected] of same)
    assert.equal(new Date(momentOf(text) ?? Number.NaN).toISOString(), expected, text);
});

const noMoments = [
  ..."foo 5|5|2026|2026-11|Nov 29 2026|1764393600000| 2026-11-29|2026-11-29T05:30:00Zulu|".split("|"),
  ..."2026-02-30T00:00:00Z|2025-02-29|2026-13-01|2026-00-01|2026-01-00|2026-04-31T00:00:00".split("|"),
  ..."2026-01-01T25:00:00Z|2026-01-01T24:00:01Z|2026-01-01T24:00:00.1Z|2026-01-01T00:60:00Z".split("|"),
  ..."2026-01-01T00:00:60Z|2026-01-01T00:00:00+24:00|2026-01-01T00:00:00+01:60|2026-01-01T05Z".split("|"),
];

test("what is no moment is refused by the DateTime of GraphQL, in variables and in the text of a query", () => {
  const type = schema.getType("DateTime");
  assert.ok(type instanceof GraphQLScalarType);
  for (const text of noMoments) {
    assert.equal(momentOf(text), null, text);
    const refused = { message: /DateTime: expected/, extensions: { code: "BAD_REQUEST" } };
    assert.throws(() => type.parseValue(text), refused, text);
    assert.throws(() => type.parseLiteral(parseValue(JSON.stringify(text))), refused, text);
  }
  assert.equal(type.parseValue("2026-11-29T05:30:00"), Date.UTC(2026, 10, 29, 5, 30));
  assert.equal(type.parseLiteral(parseValue('"2026-11-29T05:30:00"')), Date.UTC(2026, 10, 29, 5, 30));
  assert.equal(type.parseValue(5), 5);
});

test("times without a zone are UTC in the warehouse: in parameters, literals and columns, for every client", async (t) => {
  const { ask, engine } = await openWarehouse(t);
  const parameter = "toUnixTimestamp({from:DateTime})";
  const moments = `SELECT ${parameter}, toUnixTimestamp(toDateTime('2026-01-01 00:00:00')), timezone() FORMAT TSV`;
  const search = "param_from=2026-01-01%2000:00:00";
  for (const as of ["guest", "platform"] as const) {
    assert.equal((await ask(moments, { as, search })).text, "1767225600\t1767225600\tUTC\n");
  }
  const { client, close } = openClient(engine.url);
  t.after(close);
  const answer = await client.query({
    query: `SELECT ${parameter} AS seconds, toDateTime64('2026-01-01 00:00:00', 3) AS at`,
    query_params: { from: "2026-01-01 00:00:00" },
    format: "JSONEachRow",
  });
  assert.deepEqual(await answer.json(), [{ seconds: 1767225600, at: "2026-01-01 00:00:00.000" }]);
});
