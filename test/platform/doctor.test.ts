import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { withoutCredentials } from "../../infra/engine-url.ts";
import { doctor } from "../../platform/cli/doctor.ts";
import { runPlatform, settingsFor, temporaryFolder } from "./shop.ts";

/** What the command prints, with these settings in the environment and nothing else of it. */
const ask = async (t: TestContext, environment: Record<string, string>): Promise<{ code: number; printed: string }> => {
  const lines: string[] = [];
  const print = t.mock.method(console, "log", (line: string) => void lines.push(line));
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    const code = await doctor.run({ values: {}, positionals: [] });
    return { code, printed: lines.join("\n") };
  } finally {
    for (const name of Object.keys(environment)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
    print.mock.restore();
  }
};

test("credentials of a URL are not shown", () => {
  assert.equal(withoutCredentials("http://ada:secret@db:8123/x"), "http://***@db:8123/x");
  assert.equal(withoutCredentials("http://db:8123/a@b"), "http://db:8123/a@b");
  assert.equal(
    withoutCredentials("kafka://db?oauth-client-secret=hush&tls=true"),
    "kafka://db?oauth-client-secret=***&tls=true",
  );
  assert.equal(withoutCredentials("sqlite:/var/data/millrace.db"), "sqlite:/var/data/millrace.db");
});

test("sound data is found sound, and secrets are masked", async (t) => {
  const DATA = temporaryFolder(t);
  const token = "0123456789abcdef-secret";
  const broker = "sqlite://ada:secret@host/none";
  const { printed } = await ask(t, { DATA, API_TOKEN: token, BROKER: broker });
  assert.match(printed, /API_TOKEN +\*\*\*$/m);
  assert.match(printed, /BROKER +sqlite:\/\/\*\*\*@host\/none$/m);
  assert.doesNotMatch(printed, /secret/);
  for (const name of ["Node", "ONNX Runtime", "Data", "Database", "Warehouse"]) {
    assert.match(printed, new RegExp(`ok +${name}`));
  }
});

test("an engine that does not answer is named, and its password is not", async (t) => {
  const ONLINE_STORE = "redis://:hush@127.0.0.1:1";
  const { code, printed } = await ask(t, { DATA: temporaryFolder(t), ONLINE_STORE });
  assert.equal(code, 1);
  assert.match(printed, /FAIL Online store .*127\.0\.0\.1:1/);
  assert.doesNotMatch(printed, /hush/);
});

test("beside a running platform it asks that one's warehouse", async (t) => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  const { data, port } = running.settings;
  const { printed } = await ask(t, { DATA: data, PORT: String(port) });
  const { host } = new URL(running.platform.warehouseUrl);
  assert.match(printed, new RegExp(`ok +Warehouse +ClickHouse \\S+ at http://\\*\\*\\*@${host}`));
});

test("a folder that is no folder and a damaged database are found", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "file");
  writeFileSync(file, "");
  const blocked = await ask(t, { DATA: file, WAREHOUSE: "http://127.0.0.1:1" });
  assert.equal(blocked.code, 1);
  assert.match(blocked.printed, /FAIL Data .*name another folder with --data/);
  assert.match(blocked.printed, /FAIL Warehouse/);

  const data = join(folder, "data");
  mkdirSync(data);
  const running = await runPlatform(t, settingsFor(data));
  await running.close();
  for (const [offset, what] of [
    [16_384, "a page"],
    [0, "the header"],
  ] as const) {
    const database = openSync(join(data, "millrace.db"), "r+");
    writeSync(database, Buffer.alloc(16_384, 0x5a), 0, 16_384, offset);
    closeSync(database);
    const damaged = await ask(t, { DATA: data, WAREHOUSE: "http://127.0.0.1:1" });
    assert.equal(damaged.code, 1, what);
    assert.match(damaged.printed, /FAIL Database/, what);
  }
});
