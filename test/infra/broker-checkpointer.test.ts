import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { sqliteCheckpointer } from "../../infra/broker/checkpointer.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";
import { readAll } from "../contracts/broker-reading.ts";

it("the checkpointer moves the log into the file before a writer would have to", async (test) => {
  const dir = mkdtempSync(join(tmpdir(), "millrace-checkpointer-"));
  const path = join(dir, "broker.db");
  const broker = sqliteBroker(path);
  const checkpointer = sqliteCheckpointer(path);
  test.after(async () => {
    await checkpointer.close();
    await broker.close();
    rmSync(dir, { recursive: true });
  });
  await broker.ensureTopic("a", { partitions: 1, cleanup: "delete" });
  const value = Buffer.alloc(1 << 19, 1);
  // Writers move the log themselves at 64 MB; this is less.
  for (let i = 0; i < 48; i++) await broker.produce("a", [{ key: `${i}`, value, timestamp: i }]);
  const end = Date.now() + 15_000;
  while (statSync(path).size < 16 << 20) {
    assert.ok(Date.now() < end, "waited in vain for the file to grow");
    await broker.produce("a", [{ key: "more", value: null, timestamp: 100 }]);
  }
  const keys = (await readAll(broker, "a")).map((one) => one.key);
  assert.deepEqual(
    keys.slice(0, 48),
    Array.from({ length: 48 }, (_, i) => `${i}`),
  );
  await checkpointer.close();
  await checkpointer.close();
});
