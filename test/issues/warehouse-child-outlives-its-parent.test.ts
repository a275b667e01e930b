import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startEmbeddedWarehouse } from "../../infra/warehouse/embedded.ts";
import { isAlive } from "../support/processes.ts";
import { eventually } from "../support/warehouse.ts";

const statements = {
  "a statement of a minute": "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
  "one that nothing interrupts":
    "SELECT sum(editDistance(repeat('a', 65000), concat(repeat('b', 64000), toString(number)))) FROM numbers(1000)",
};

for (const [what, sql] of Object.entries(statements)) {
  test(`a warehouse whose parent is killed ends in the middle of ${what}, and its data is free`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "millrace-orphan-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const parent = fork(fileURLToPath(new URL("../infra/warehouse-parent.ts", import.meta.url)), [directory], {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const [{ pid, url }] = (await once(parent, "message")) as [{ pid: number; url: string }];
    const { username, password, origin } = new URL(url);
    const ask = (query: string): Promise<string> =>
      fetch(`${origin}/`, {
        method: "POST",
        body: query,
        headers: { "X-ClickHouse-User": username, "X-ClickHouse-Key": password },
      }).then((response) => response.text());
    const asked = ask(sql).catch(() => "broken");
    await eventually("it runs", async () =>
      (
        await ask("SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' OR query LIKE '%editDistance%'")
      ).startsWith("2"),
    );
    const since = Date.now();
    parent.kill("SIGKILL");
    await eventually("the child is gone", () => !isAlive(pid), 5_000);
    const ms = Date.now() - since;
    t.diagnostic(`gone after ${ms} ms`);
    assert.equal(await asked, "broken");
    const next = await startEmbeddedWarehouse({ directory });
    await next.close();
  });
}
