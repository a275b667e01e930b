import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startPlatform, temporaryFolder } from "../e2e/platform.ts";

const openModes = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .concat("")
    .filter((name) => {
      const stat = lstatSync(join(folder, name), { throwIfNoEntry: false });
      return stat !== undefined && !stat.isSymbolicLink() && (stat.mode & 0o077) !== 0;
    });

test("nothing of the data can be read by another user, also what an older release left open", async (t) => {
  const parent = temporaryFolder(t, "private");
  const data = join(parent, "data");
  const old = join(data, "artifacts", "ab");
  mkdirSync(old, { recursive: true });
  for (const folder of [data, join(data, "artifacts"), old]) chmodSync(folder, 0o755);
  const left = join(old, "ab".padEnd(64, "0"));
  writeFileSync(left, "left open");
  chmodSync(left, 0o644);
  assert.ok(openModes(data).length > 0);

  const umask = process.umask(0o022);
  t.after(() => process.umask(umask));
  const platform = await startPlatform(t, data);
  const ask = (query: string) => platform.client.query(query);
  await ask('mutation { createProject(input: { id: "shop", name: "Shop" }) { position } }');
  const put = await fetch(`${platform.url}/artifacts`, { method: "PUT", body: "bytes" });
  assert.equal(put.status, 201);
  await platform.sql("SELECT count() AS n FROM system.tables");
  assert.deepEqual(openModes(data), []);
  const { code } = await platform.kill("SIGTERM");
  assert.equal(code, 0);
  assert.deepEqual(openModes(data), []);
  assert.equal(lstatSync(left).mode & 0o777, 0o600);
});
