import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, type OpenedWarehouse, openWarehouse } from "../support/warehouse.ts";

/** Takes minutes, and looks often whether it is to end. */
const long = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1";

/** Hours of one function over one block, which does not look: neither a limit of time nor KILL ends it. */
const deaf =
  "SELECT sum(editDistance(repeat('a', 65000), concat(repeat('b', 64000), toString(number)))) FROM numbers(1000)";

const running = async ({ ask }: OpenedWarehouse, like: string): Promise<number> =>
  Number(
    (
      await ask(`SELECT count() FROM system.processes WHERE query LIKE '${like}' AND query NOT LIKE '%processes%'`, {
        as: "platform",
      })
    ).text,
  );

describe("queries of guests neither hold up the platform nor go on when nobody waits for them", () => {
  it("kills what runs and never starts what waits when its client has gone", async (t) => {
    const warehouse = await openWarehouse(t);
    const left = new AbortController();
    const asked = Array.from({ length: 20 }, () => warehouse.ask(long, { signal: left.signal }).catch(() => "left"));
    await eventually("two run", async () => (await running(warehouse, "%sipHash64%")) === 2);
    left.abort();
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(["left"]));
    await eventually("none runs", async () => (await running(warehouse, "%sipHash64%")) === 0, 10_000);
    assert.equal((await warehouse.ask("SELECT 1")).text, "1\n", "the lane is free");
    assert.equal(warehouse.engine.restarts, 0);
  });

  it("kills reads of the platform, too, whose client has gone", async (t) => {
    const warehouse = await openWarehouse(t);
    const left = new AbortController();
    const ask = (count: number) =>
      Array.from({ length: count }, () =>
        warehouse.ask(long, { signal: left.signal, as: "platform" }).catch(() => "left"),
      );
    // One place of the lane is left to ask by.
    const asked = ask(5);
    await eventually("five run", async () => (await running(warehouse, "%sipHash64%")) === 5);
    asked.push(...ask(45));
    left.abort();
    await Promise.all(asked);
    const since = Date.now();
    assert.equal((await warehouse.ask("SELECT 1", { as: "platform" })).text, "1\n");
    assert.ok(Date.now() - since < 10_000, `${Date.now() - since} ms behind reads that nobody waits for`);
  });

  it("answers the platform's reads and writes while guests fill their lane, and tells more guests to come again", async (t) => {
    const warehouse = await openWarehouse(t, { limits: { guests: { waiting: 3 } } });
    const left = new AbortController();
    const asked = Array.from({ length: 5 }, () => warehouse.ask(long, { signal: left.signal }).catch(() => "left"));
    await eventually("two run", async () => (await running(warehouse, "%sipHash64%")) === 2);
    await eventually("the queue is full", async () => {
      const { status, headers, text } = await warehouse
        .ask("SELECT 1", { signal: AbortSignal.timeout(500) })
        .catch(() => ({
          status: 0,
          headers: new Headers(),
          text: "",
        }));
      if (status !== 503) return false;
      assert.equal(headers.get("retry-after"), "1");
      assert.match(text, /^Code: 202\..*TOO_MANY_SIMULTANEOUS_QUERIES/);
      return true;
    });
    for (const sql of ["CREATE TABLE t (a Int8) ENGINE = Memory", "INSERT INTO t VALUES (1)", "SELECT a FROM t"]) {
      assert.equal(
        (await warehouse.ask(sql, { as: "platform", signal: AbortSignal.timeout(10_000) })).status,
        200,
        sql,
      );
    }
    left.abort();
    await Promise.all(asked);
  });

  it("ends a guest's query at its deadline and names the limit and the way out", async (t) => {
    const warehouse = await openWarehouse(t, { limits: { guests: { deadlineMs: 1_000 } } });
    const { status, text } = await warehouse.ask(long);
    assert.equal(status, 408, text);
    assert.match(text, /TIMEOUT_EXCEEDED/);
    assert.match(text, /LIMIT/);
    const grown = await warehouse.ask("SELECT groupArray(number) FROM numbers(100000000000)", {
      search: "max_memory_usage=100000000",
    });
    assert.match(grown.text, /MEMORY_LIMIT_EXCEEDED/);
    assert.equal((await warehouse.ask("SELECT 1")).text, "1\n");
  });

  it("starts itself anew when a statement ignores its end, says so and is counted", async (t) => {
    const reasons: string[] = [];
    const warehouse = await openWarehouse(t, {
      limits: { guests: { deadlineMs: 500, graceMs: 1_500 } },
      onRestart: (reason) => reasons.push(reason),
    });
    assert.match((await warehouse.ask(deaf)).text, /TIMEOUT_EXCEEDED/);
    await eventually("it is back", async () => {
      const { text } = await warehouse.ask("SELECT 1").catch(() => ({ text: "" }));
      return text === "1\n";
    });
    assert.equal(warehouse.engine.restarts, 1);
    assert.deepEqual(reasons, ["the warehouse process ended: SIGKILL"]);
  });

  it("takes inserts while the platform kills queries and waits for their end", async (t) => {
    const warehouse = await openWarehouse(t);
    const left = new AbortController();
    const asked = Array.from({ length: 2 }, () => warehouse.ask(long, { signal: left.signal }).catch(() => "left"));
    await eventually("two run", async () => (await running(warehouse, "%sipHash64%")) === 2);
    for (const mode of ["SYNC", "ASYNC"]) {
      assert.equal((await warehouse.ask(`KILL QUERY WHERE query LIKE '%sipHash64%' ${mode}`)).status, 403);
    }
    left.abort();
    await Promise.all(asked);
    await warehouse.ask("CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a", { as: "platform" });
    const signal = AbortSignal.timeout(10_000);
    const inserted = Array.from({ length: 8 }, () =>
      warehouse.ask("INSERT INTO t VALUES (1)", { as: "platform", signal }),
    );
    assert.ok((await Promise.all(inserted)).every(({ status }) => status === 200));
  });
});
