import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "../e2e/platform.ts";
import { cutPower, walPlace } from "./kills/power-cut.ts";

const rows = 40;

/** A database as a killed process leaves it. */
const leftDatabase = async (t: TestContext): Promise<string> => {
  const path = join(temporaryFolder(t, "wal"), "left.db");
  const child = fork(new URL("./wal-writer.child.ts", import.meta.url), [path, String(rows)], {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
  return path;
};

const rowsOf = (path: string): number => {
  const db = new DatabaseSync(path);
  try {
    assert.deepEqual({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" });
    return Number(db.prepare("SELECT count(*) AS n FROM t").get()?.n);
  } finally {
    db.close();
  }
};

test("a power cut takes the newest transactions, in order, and leaves a sound database", async (t) => {
  const path = await leftDatabase(t);
  const { lost, of } = cutPower(path, { salt: "", frames: 0 }, 0.5);
  assert.ok(of > rows && lost > 0 && lost < of, `${lost} of ${of}`);
  const left = rowsOf(path);
  assert.ok(left > 0 && left < rows, `${left} of ${rows} rows`);
});

test("what was synced is never cut", async (t) => {
  const path = await leftDatabase(t);
  const { lost } = cutPower(path, walPlace(path), 0);
  assert.equal(lost, 0);
  assert.equal(rowsOf(path), rows);
});
