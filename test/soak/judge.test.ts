import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, signatureOf } from "./fuzz/judge.ts";
import { minimise } from "./fuzz/minimise.ts";
import { slope } from "./fuzz/monitor.ts";
import type { Answer } from "./fuzz/send.ts";
import { graphql, http, json } from "./fuzz/shot.ts";

const secrets = { canary: "canary-1", paths: ["/srv/millrace"] };
const answer = (status: number, body = "", headers: Answer["headers"] = {}): Answer => ({
  status,
  body,
  headers,
  ms: 1,
  failure: null,
});
const ask = http("GET", "/models");

test("a coded refusal is right; a defect, a failure without a way out and a leak are not", () => {
  const right: Answer[] = [
    answer(200, '{"data":{}}'),
    answer(422, '{"code":"INVALID_RECORD"}'),
    answer(501, ""),
    answer(503, '{"code":"ENGINE_UNAVAILABLE"}', { "retry-after": "1" }),
  ];
  for (const each of right) assert.equal(judge(ask, each, secrets), null, JSON.stringify(each));
  const wrong: [Answer, RegExp][] = [
    [answer(500, '{"code":"INTERNAL"}'), /INTERNAL/],
    [answer(200, '{"errors":[{"extensions":{"code":"INTERNAL"}}]}'), /INTERNAL/],
    [answer(200, '{"errors":[{"extensions":{"code":"WAREHOUSE_FAILED"}}]}'), /WAREHOUSE_FAILED/],
    [answer(503, ""), /Retry-After/],
    [answer(502, ""), /502/],
    [answer(400, "cannot open /srv/millrace/data"), /path of the server/],
    [answer(200, "canary-1"), /canary/],
    [answer(400, "Error: x\n    at file:///a.ts:1:1"), /stack trace/],
    [{ ...answer(0), failure: "no answer within 60000 ms" }, /no answer/],
  ];
  for (const [each, why] of wrong) assert.match(judge(ask, each, secrets) ?? "", why, JSON.stringify(each));
});

test("the warehouse answers 500 as ClickHouse does, with a code, and never with a code of a defect", () => {
  const query = http("POST", "/", { to: "warehouse", body: "SELECT x" });
  const coded = (code: string): Answer => answer(500, "", { "x-clickhouse-exception-code": code });
  assert.equal(judge(query, coded("241"), secrets), null);
  assert.match(judge(query, coded("49"), secrets) ?? "", /49/);
  assert.match(judge(query, answer(500), secrets) ?? "", /without an exception code/);
  assert.match(judge({ ...query, mustRefuse: true }, answer(200), secrets) ?? "", /not refused/);
  assert.equal(judge({ ...query, mustRefuse: true }, answer(403), secrets), null);
});

test("one fault has one signature, whatever ids and numbers its message holds", () => {
  const shot = { door: "artifacts", steps: [ask] };
  const of = (digest: string): string =>
    signatureOf(shot, "500 INTERNAL", answer(500, `{"message":"artifact ${digest} has 12 bytes"}`));
  assert.equal(of("01234567abcdef"), of("fedcba98"));
  assert.notEqual(of("x"), signatureOf(shot, "502", answer(502)));
});

test("a request is made smaller as long as it shows its fault", async () => {
  const shot = {
    door: "graphql",
    steps: [json("POST", "/graphql", { query: "{ bad }", variables: { a: 1, b: [2, 3] } })],
  };
  const least = await minimise(shot, async ({ steps: [step] }) => {
    assert.ok(step.over === "http");
    return Buffer.from(step.body, "base64").toString().includes("bad");
  });
  const [step] = least.steps;
  assert.ok(step.over === "http");
  const body = JSON.parse(Buffer.from(step.body, "base64").toString());
  assert.equal(body.variables, undefined);
  assert.match(body.query, /bad/);
  const deep = {
    door: "graphql",
    steps: [graphql(`${"[".repeat(10)}`, JSON.parse(`${"[".repeat(4000)}${"]".repeat(4000)}`))],
  };
  assert.deepEqual(await minimise(deep, async () => false), deep);
});

test("the slope of memory is by the minute, of the second half", () => {
  const warmUp = Array.from({ length: 100 }, (_, i) => i * 1000);
  const steady = Array.from({ length: 100 }, (_, i) => 100_000 + i * 2);
  assert.equal(Math.round(slope([...warmUp, ...steady])), 120);
  assert.equal(slope([]), 0);
});
