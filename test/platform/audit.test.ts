import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { modelFacts } from "../projections/facts.ts";
import { record } from "../projections/stores.ts";

const program = fileURLToPath(new URL("../../millrace.ts", import.meta.url));

type Ran = { code: number | null; out: string; error: string };

const millrace = async (...args: string[]): Promise<Ran> => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH },
  });
  const [out, error] = await Promise.all(
    [child.stdout, child.stderr].map(async (stream) => (await Array.fromAsync(stream.setEncoding("utf8"))).join("")),
  );
  if (child.exitCode === null) await once(child, "exit");
  return { code: child.exitCode, out, error };
};

let data: string;
before(async () => {
  data = mkdtempSync(join(tmpdir(), "millrace-audit-cli-"));
  const eventStore = sqliteEventStore(join(data, "millrace.db"));
  await record(eventStore, ...modelFacts("flights", "delays"), ...modelFacts("shop", "payers"));
  await eventStore.close();
});
after(() => rmSync(data, { recursive: true, force: true }));

test("export, tamper, verify: the event is named, the exit code is 1", async () => {
  const exported = await millrace("audit", "export", "--data", data, "--project", "flights");
  assert.equal(exported.code, 0, exported.error);
  assert.equal(exported.out.trim().split("\n").length, 3);
  const file = join(data, "audit.jsonl");
  writeFileSync(file, exported.out);
  const verify = ["audit", "verify", "--data", data, "--project", "flights", "--against", file];
  const sound = await millrace(...verify);
  assert.equal(sound.code, 0, sound.out + sound.error);
  const head = /flights: head ([0-9a-f]{64}) at position 3/.exec(sound.out)?.[1] as string;
  assert.ok(exported.out.includes(`"hash":"${head}"`));

  const db = new DatabaseSync(join(data, "millrace.db"));
  db.exec("UPDATE events SET metadata = json_set(metadata, '$.actor', 'eve') WHERE position = 2");
  db.close();
  const tampered = await millrace(...verify, "--digest", head);
  assert.equal(tampered.code, 1);
  assert.match(tampered.out, /event-changed: model-flights\/delays revision 1, position 2/);
  assert.match(tampered.out, new RegExp(`no record has the digest ${head}`));
  assert.match(tampered.out, /: 1 differ/);
});

test("CSV has a line of names; what is asked wrongly is said", async () => {
  const csv = await millrace("audit", "export", "--data", data, "--format", "csv");
  assert.equal(csv.out.split("\r\n").length, 8);
  for (const [args, message] of [
    [["audit", "burn"], /say verify or export/],
    [["audit", "export", "--format", "xml"], /jsonl or csv/],
    [["audit", "export", "--from", "yesterday"], /expected a moment/],
    [["audit", "verify", "--against", join(data, "none")], /cannot read/],
  ] as const) {
    const { code, error } = await millrace(...args, "--data", data);
    assert.equal(code, 1);
    assert.match(error, message);
  }
});
