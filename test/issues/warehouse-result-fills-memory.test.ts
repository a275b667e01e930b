import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { test } from "node:test";
import { eventually, openWarehouse } from "../support/warehouse.ts";

const residentMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const skip = process.platform === "linux" ? false : "reads /proc";

/** 600 million rows took the child to 13 GB, and the first byte came last. */
test("rows stream as fast as they are taken, in memory that does not grow with them", { skip }, async (t) => {
  const { engine, credentials, ask } = await openWarehouse(t);
  const before = residentMb(engine.pid);
  const body = "SELECT number FROM numbers(600000000) FORMAT JSON";
  const sent = request(`${engine.address}/`, { method: "POST", headers: credentials("guest") });
  sent.end(body);
  const response = await new Promise<import("node:http").IncomingMessage>((resolve) => sent.once("response", resolve));
  let taken = 0;
  let most = 0;
  for await (const chunk of response) {
    taken += (chunk as Buffer).length;
    if (taken % 64 === 0) most = Math.max(most, residentMb(engine.pid));
    if (taken > 300_000_000) break;
  }
  assert.ok(taken > 300_000_000);
  most = Math.max(most, residentMb(engine.pid));
  t.diagnostic(`${Math.round(before)} MB before, ${Math.round(most)} MB while 300 MB of 18 GB were taken`);
  assert.ok(most - before < 600, `${Math.round(most - before)} MB more`);
  await eventually("the query ends when its client has left", async () => {
    const { text } = await ask("SELECT count() FROM system.processes WHERE query LIKE '%600000000%'", {
      as: "platform",
    });
    return text === "1\n";
  });
  // The next answer holds nothing of the one that was left.
  for (let i = 0; i < 20; i++) assert.equal((await ask("SELECT 'next'")).text, "next\n");
});

test("a result that fails on its way is broken off behind the exception", async (t) => {
  const { engine, credentials } = await openWarehouse(t);
  const body = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)";
  const sent = request(`${engine.address}/`, { method: "POST", headers: credentials("guest") });
  sent.end(body);
  const response = await new Promise<import("node:http").IncomingMessage>((resolve) => sent.once("response", resolve));
  assert.equal(response.statusCode, 200);
  const tag = String(response.headers["x-clickhouse-exception-tag"]);
  let end = "";
  await assert.rejects(async () => {
    for await (const chunk of response) end = (end + String(chunk)).slice(-2_000);
  }, /aborted/);
  assert.match(
    end,
    new RegExp(`__exception__\\r\\n${tag}\\r\\nCode: 395\\. .*\\n\\d+ ${tag}\\r\\n__exception__\\r\\n$`, "s"),
  );
});
