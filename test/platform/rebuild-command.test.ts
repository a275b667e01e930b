import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { projectionNames } from "../../platform/rebuild/rebuild.ts";
import { runPlatform, settingsFor, temporaryFolder } from "./shop.ts";

/** `millrace rebuild ARGS`, to its end. */
const command = (...args: string[]): Promise<{ code: number | null; printed: string }> => {
  const script = fileURLToPath(new URL("../../millrace.ts", import.meta.url));
  const child = spawn(process.execPath, [script, "rebuild", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, printed })));
};

test("the command lists, refuses, asks the platform that runs, and works alone where none does", async (t) => {
  assert.deepEqual((await command()).printed.trim().split("\n"), projectionNames);
  const empty = await command("audit", "--data", temporaryFolder(t));
  assert.equal(empty.code, 1);
  assert.match(empty.printed, /NOT_FOUND: .*name it with --data/);

  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  const { data, port } = running.settings;
  const unknown = await command("nonsense", "--data", data);
  assert.equal(unknown.code, 1);
  assert.match(unknown.printed, /NOT_FOUND: there is no projection "nonsense"; there are: documents, /);
  const elsewhere = await command("audit", "--data", data, "--port", "1");
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.printed, /NOT_FOUND: .*give its --host and --port/);
  const done = /^audit: built anew from \d+ records in \S+ s, \d+\/s$/m;
  assert.match((await command("audit", "--data", data, "--port", String(port))).printed, done);
  await running.close();
  assert.match((await command("audit", "--data", data)).printed, done);
});
