import assert from "node:assert/strict";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { doctor } from "../../platform/cli/doctor.ts";
import { until } from "../e2e/platform.ts";
import {
  command,
  openShop,
  type Running,
  runPlatform,
  settingsFor,
  temporaryFolder,
  trade,
  untilTraded,
} from "../platform/shop.ts";
import { eventually } from "../streams/world.ts";

const files = ["millrace.db", "millrace.db-wal"];

/** As documented: `millrace.db` alone is copied, and put back, while the platform stands still. */
const dataOf = (t: TestContext) => {
  const data = temporaryFolder(t);
  const remove = (): void => {
    for (const file of [...files, "millrace.db-shm"]) rmSync(join(data, file), { force: true });
  };
  const copy = (from: string, to: string): void => {
    for (const file of files) if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file));
  };
  return {
    settings: settingsFor(data),
    backUp(): () => void {
      const backup = temporaryFolder(t);
      copy(data, backup);
      return () => {
        remove();
        copy(backup, data);
      };
    },
    empty: remove,
  };
};

/** A platform that says it is ready. */
const run = async (t: TestContext, settings: Running["settings"]) => {
  const running = await runPlatform(t, settings);
  await until("ready", 120_000, async () => (await fetch(`${running.platform.url}/health/ready`)).ok);
  return running;
};

const register = (running: Running, ids: readonly string[]): Promise<unknown> =>
  Promise.all(ids.map((id) => command(running.client, "registerModel", { id })));

const modelsAt = async ({ client }: Running, asOf?: number): Promise<string[]> => {
  const { models } = await client.query<{ models: { edges: { node: { slug: string } }[] } }>(
    `query ($asOf: DateTime) { models(project: "shop", first: 200, asOf: $asOf) { edges { node { slug } } } }`,
    { asOf: asOf === undefined ? null : new Date(asOf).toISOString() },
  );
  return models.edges.map(({ node }) => node.slug).sort();
};

const cutCounts = async ({ platform }: Running): Promise<Record<string, number>> => {
  const text = await (await fetch(`${platform.url}/metrics`)).text();
  const found = [...text.matchAll(/^millrace_places_cut_total\{store="([^"]+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, store, count]) => [store, Number(count)]));
};

/** What `doctor` says of the places, while nothing runs. */
const doctorOf = async (t: TestContext, { data }: Running["settings"]): Promise<string> => {
  const lines: string[] = [];
  const print = t.mock.method(console, "log", (line: string) => void lines.push(line));
  try {
    await doctor.run({ values: { data }, positionals: [] });
  } finally {
    print.mock.restore();
  }
  return lines.find((line) => line.includes("Places")) ?? lines.join("\n");
};

test("after millrace.db was restored from a backup, every new record and command is everywhere, and nothing else", async (t) => {
  const { settings, backUp } = dataOf(t);
  const first = await run(t, settings);
  await openShop(first);
  await trade(first.client, 0, 100);
  await untilTraded(first, 100);
  await first.close();
  const restore = backUp();

  const second = await run(t, settings);
  await trade(second.client, 100, 300);
  await untilTraded(second, 300);
  await register(second, ["never-1", "never-2"]);
  await eventually("the lost models are in the warehouse", async () =>
    (await modelsAt(second, Date.now())).includes("never-2"),
  );
  await second.close();
  assert.match(await doctorOf(t, settings), /ok +Places +\d+ places agree with their logs/);
  restore();
  const found = await doctorOf(t, settings);
  assert.match(found, /FAIL Places .*predictions of shop\.buy\.predictions\/\d.*lost its newest records/);

  const third = await run(t, settings);
  const ids = Array.from({ length: 20 }, (_, i) => `new-${String(i).padStart(2, "0")}`);
  assert.deepEqual(await modelsAt(third), ["buyers"]);
  await trade(third.client, 1000, 1500);
  await register(third, ids);
  await untilTraded(third, 600);
  const inAudit = `SELECT count() AS n FROM audit WHERE stream LIKE 'model-shop/new-%'`;
  await eventually("the audit has the new commands", async () => (await third.count(inAudit)) === ids.length);
  await eventually("the documents are there as of now", async () => {
    const models = await modelsAt(third, Date.now());
    return models.length === ids.length + 1;
  });
  assert.deepEqual(await modelsAt(third, Date.now()), ["buyers", ...ids]);
  assert.equal(await third.count("SELECT count() AS n FROM predictions"), 600);
  assert.equal(await third.count("SELECT count() AS n FROM predictions WHERE key = 'c150'"), 0);
  assert.equal(await third.count("SELECT count() AS n FROM audit WHERE stream LIKE '%never%'"), 0);
  const cuts = await cutCounts(third);
  for (const store of ["predictions", "outcomes", "documents", "audit"]) {
    assert.ok(cuts[store] > 0, `${store} was counted: ${JSON.stringify(cuts)}`);
  }
});

test("an emptied millrace.db beside a full warehouse starts with empty tables, and the full ones come back with it", async (t) => {
  const { settings, backUp, empty } = dataOf(t);
  const first = await run(t, settings);
  await openShop(first);
  await trade(first.client, 0, 50);
  await untilTraded(first, 50);
  await register(first, ["kept"]);
  await eventually("the audit has it", async () => {
    return (await first.count("SELECT count() AS n FROM audit WHERE stream = 'model-shop/kept'")) === 1;
  });
  const predictions = await first.count("SELECT count() AS n FROM predictions");
  await first.close();
  const restore = backUp();
  empty();

  const second = await run(t, settings);
  for (const table of ["predictions", "documents", "audit"]) {
    await eventually(`${table} is empty`, async () => (await second.count(`SELECT count() AS n FROM ${table}`)) === 0);
  }
  assert.equal((await cutCounts(second)).warehouse, 1);
  await openShop(second);
  await trade(second.client, 0, 80);
  await untilTraded(second, 80);
  assert.equal(await second.count("SELECT count() AS n FROM predictions"), 80);
  await second.close();
  empty();
  restore();

  const third = await run(t, settings);
  await trade(third.client, 50, 60);
  await untilTraded(third, predictions + 10);
  assert.equal(await third.count("SELECT count() AS n FROM predictions"), predictions + 10);
  assert.equal(await third.count("SELECT count() AS n FROM audit WHERE stream = 'model-shop/kept'"), 1);
  assert.deepEqual(await modelsAt(third, Date.now()), ["buyers", "kept"]);
});
