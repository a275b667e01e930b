import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { PARTS_PER_TOPIC } from "../../infra/broker/sqlite-catalog.ts";
import { sqlitePath } from "../../infra/sqlite/database.ts";
import { openEngines } from "../../platform/engines.ts";
import { roleThread } from "../../platform/threads.ts";
import { topicOf } from "../../schemas/topics.ts";
import { root } from "../e2e/platform.ts";
import {
  openShop,
  type Running,
  runPlatform,
  settingsFor,
  silent,
  temporaryFolder,
  trade,
  untilTraded,
} from "../platform/shop.ts";
import { eventually } from "../streams/world.ts";

type Readiness = { status: string; checks: Record<string, string> };

const askReady = async ({ platform }: Running): Promise<Readiness & { code: number }> => {
  const answer = await fetch(`${platform.url}/health/ready`);
  return { code: answer.status, ...((await answer.json()) as Readiness) };
};

const untilReady = (running: Running): Promise<unknown> =>
  eventually("ready", async () => (await askReady(running)).code === 200);

const untilNamed = (running: Running, part: RegExp): Promise<string> =>
  eventually(`ready names ${part}`, async () => {
    const { code, checks } = await askReady(running);
    const found = Object.entries(checks).find(([name, state]) => part.test(name) && state !== "ok");
    return code === 503 && found !== undefined ? found.join(": ") : null;
  });

const shop = async (t: TestContext): Promise<Running> => {
  const running = await runPlatform(t, settingsFor(temporaryFolder(t)));
  await openShop(running);
  await trade(running.client, 0, 20);
  await untilTraded(running, 20);
  return running;
};

test("ready names a task that fails again and again, and a sink whose inserts fail, until they work", async (t) => {
  const running = await shop(t);
  await untilReady(running);

  await t.test("a task", async () => {
    const file = new DatabaseSync(sqlitePath(running.settings.broker));
    const { id } = file
      .prepare("SELECT id FROM broker_topics WHERE name = ?")
      .get(topicOf.predictions("shop", "buy")) as {
      id: number;
    };
    file.exec(`CREATE TRIGGER refused BEFORE INSERT ON broker_log WHEN NEW.part / ${PARTS_PER_TOPIC} = ${id}
      BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`);
    await trade(running.client, 20, 40);
    assert.match(await untilNamed(running, /^task shop\.by-shop-2\/[01]$/), /refused by the test/);
    file.exec("DROP TRIGGER refused");
    file.close();
    await untilReady(running);
  });

  await t.test("a sink", async () => {
    await running.warehouse.client.command({ query: "RENAME TABLE outcomes TO outcomes_away" });
    await trade(running.client, 40, 60);
    assert.match(await untilNamed(running, /^sink outcomes$/), /WAREHOUSE_FAILED/);
    await running.warehouse.client.command({ query: "RENAME TABLE outcomes_away TO outcomes" });
    await untilReady(running);
  });

  await t.test("a warehouse that answers but takes no rows", async () => {
    const { client } = running.warehouse;
    await client.command({ query: "DROP TABLE readiness SYNC" });
    await client.command({ query: "CREATE TABLE readiness (other String) ENGINE = MergeTree ORDER BY other" });
    assert.match(await untilNamed(running, /^warehouse$/), /WAREHOUSE_FAILED/);
    await client.command({ query: "DROP TABLE readiness SYNC" });
    await untilReady(running);
  });

  await t.test("a file whose writers are held up", async () => {
    const other = new DatabaseSync(sqlitePath(running.settings.eventStore));
    other.exec("BEGIN IMMEDIATE");
    assert.match(await untilNamed(running, /^disk$/), /has not done a write for \d+ s|CONFLICT/);
    other.exec("ROLLBACK");
    other.close();
    await untilReady(running);
  });
});

test("ready names a role whose thread does not turn its event loop, until it does", async (t) => {
  const folder = temporaryFolder(t);
  const settings = settingsFor(folder);
  const engines = await openEngines(settings);
  await engines.close();
  const other = new DatabaseSync(sqlitePath(settings.eventStore));
  t.after(() => other.close());
  // Who opens the file waits for it in SQLite's own code, up to ten seconds.
  other.exec("BEGIN IMMEDIATE");
  const share = { index: 0, of: 1 };
  const thread = roleThread({ role: "streams", share, settings, warehouseUrl: "http://127.0.0.1:1" }, silent);
  t.after(() => thread.stop());
  await eventually("it is silent", async () => /^has not answered for \d+ s$/.test(thread.trouble() ?? ""));
  other.exec("ROLLBACK");
  await eventually("it works", async () => thread.trouble() === null);
});

test("a file that cannot grow says so", async (t) => {
  const probe = `
    import { sqliteProbe } from "./infra/sqlite/probe.ts";
    const { write } = sqliteProbe(process.argv[1], Date.now);
    await write().catch((error) => console.log(error.code));
  `;
  const limited = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 16; exec "$0" --input-type=module -e "$1" "$2"`;
  const path = join(temporaryFolder(t), "full.db");
  const { stdout } = await promisify(execFile)("sh", ["-c", limited, process.execPath, probe, path], { cwd: root });
  // What SQLite answers to the limit of a file is an error of the disk.
  assert.equal(stdout, "DATA_UNUSABLE\n");
});
