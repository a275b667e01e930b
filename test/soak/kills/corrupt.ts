import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { endpoint, project } from "../../../examples/flights/definitions.ts";
import { topicOf } from "../../../schemas/topics.ts";
import { ready } from "../../e2e/platform.ts";
import { killTree } from "../../support/processes.ts";
import { sqlOf } from "../warehouse.ts";
import { copyFolder } from "./copy.ts";
import type { Kind, Round } from "./kind.ts";
import { type Life, spawnLife, stopProcess, untilReady } from "./life.ts";
import { lifecycleEvents, topicRecords } from "./log.ts";
import { moment } from "./moment.ts";
import { proven } from "./proof.ts";
import { alive, ended } from "./world.ts";

/** Files of one kind are damaged in turn, so that a thousand of the warehouse's do not hide the one of the log. */
const kindOf = (path: string): string =>
  /^(artifacts|warehouse\/incoming)\//.exec(path)?.[1] ??
  /\.[a-z0-9_-]+$/.exec(path)?.[0] ??
  path.split("/").at(-1) ??
  path;

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((path) => statSync(join(folder, path)).size > 0)
    .sort();

const logShare = 0.3;

/** The log, for it is what cannot be made anew, or one file of a random kind. */
const pickFile = (files: readonly string[], random: () => number): string => {
  if (random() < logShare) return "millrace.db";
  const byKind = Map.groupBy(files, kindOf);
  const names = [...byKind.keys()];
  const chosen = byKind.get(names[Math.floor(random() * names.length)]) as string[];
  return chosen[Math.floor(random() * chosen.length)];
};

/** Flips a bit of each of a few neighbouring bytes. */
const damage = (file: string, random: () => number): string => {
  const bytes = readFileSync(file);
  const at = Math.floor(random() * bytes.length);
  const length = Math.min(bytes.length - at, 1 + Math.floor(random() * 16));
  for (let i = at; i < at + length; i++) bytes[i] ^= 1 << Math.floor(random() * 8);
  writeFileSync(file, bytes);
  return `${length} bytes at ${at} of ${bytes.length}`;
};

/** Everything that a reader can see: by part, how much it is, and its digest. */
const readable = async ({
  url,
  client,
  sql,
}: Pick<Life, "url" | "client" | "sql">): Promise<Record<string, string>> => {
  const digest = (value: unknown): string => {
    const size = Array.isArray(value) ? `${value.length} rows, ` : "";
    return size + createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
  };
  const parts: Record<string, () => Promise<unknown>> = {
    events: () => lifecycleEvents(client),
    departures: () => topicRecords(url, "departures"),
    arrivals: () => topicRecords(url, "arrivals"),
    predictions: () => topicRecords(url, topicOf.predictions(project, endpoint)),
    models: () =>
      client.query(`{ models(project: "${project}", first: 1000) { edges { node { slug position tags } } } }`),
    "rows of predictions": () => sql("SELECT * FROM predictions FINAL ORDER BY id"),
    "rows of outcomes": () => sql("SELECT * FROM outcomes FINAL ORDER BY prediction_id"),
    "rows of documents": () => sql("SELECT * FROM documents FINAL ORDER BY collection, project, id, position"),
    "rows of audit": () => sql("SELECT * FROM audit FINAL ORDER BY project, position"),
    "dead letters": () => sql("SELECT * FROM dead_letters ORDER BY ALL"),
  };
  const seen: Record<string, string> = {};
  for (const [name, read] of Object.entries(parts)) {
    try {
      seen[name] = digest(await read());
    } catch (error) {
      // A refusal tells of the damage: it is no wrong answer.
      seen[name] = `refused: ${(error as Error).message.slice(0, 300)}`;
    }
  }
  return seen;
};

const steadyWithinMs = 30_000;

/** What a reader sees once it stays the same: histories in the warehouse may still be on their way. */
const steady = async (life: Life): Promise<Record<string, string>> => {
  const deadline = Date.now() + steadyWithinMs;
  for (let before = await readable(life); ; ) {
    await moment(2000);
    const now = await readable(life);
    if (Object.keys(now).every((part) => now[part] === before[part]) || Date.now() > deadline) return now;
    before = now;
  }
};

const healWithinMs = 20_000;

/** Which parts are shown otherwise than before, and which are refused, once what can be derived anew has been. */
const healed = async (
  life: Parameters<typeof readable>[0],
  whole: Record<string, string>,
): Promise<{ wrong: string[]; refused: string[] }> => {
  const deadline = Date.now() + healWithinMs;
  for (;;) {
    const seen = await readable(life);
    const parts = Object.keys(whole);
    const refused = parts.filter((part) => seen[part].startsWith("refused"));
    const wrong = parts
      .filter((part) => seen[part] !== whole[part] && !refused.includes(part))
      .map((part) => `${part}: ${seen[part]} instead of ${whole[part]}`);
    if (wrong.length === 0 || Date.now() > deadline) return { wrong, refused };
  }
};

type Verdict = { silent: string | null; outcome: string };

/** Starts the platform on damaged data and compares what it shows with what it showed before. */
const judged = async (data: string, whole: Record<string, string>): Promise<Verdict> => {
  const started = spawnLife(data);
  const pid = started.child.pid as number;
  try {
    const running = await ready(started).catch((error: Error) => error);
    if (running instanceof Error) {
      const coded = /millrace: [A-Z_]{4,}: /.exec(started.output())?.[0];
      if (coded !== undefined && !coded.includes("INTERNAL"))
        return { silent: null, outcome: `refused at the start, ${coded.slice(10, -2)}` };
      return { silent: `no coded error at the start: ${running.message.slice(-1500)}`, outcome: "no coded error" };
    }
    const isReady = await untilReady(running.url, started).then(
      () => true,
      () => false,
    );
    if (!isReady) return { silent: null, outcome: "not ready" };
    const { wrong, refused } = await healed({ ...running, sql: sqlOf(data, running.warehouse) }, whole);
    await stopProcess(started);
    if (wrong.length === 0) {
      return { silent: null, outcome: refused.length === 0 ? "unharmed or healed" : `refused: ${refused}` };
    }
    const proofs = await proven(data);
    if (proofs.length > 0) return { silent: null, outcome: "found by verify, audit verify or doctor" };
    return { silent: `${wrong} differ, and nothing says so`, outcome: "silently wrong" };
  } finally {
    killTree(pid);
  }
};

/** One file of the data is damaged, on a copy. */
export const corrupted: Kind["disturb"] = async ({ world, random, note }: Round) => {
  const whole = await steady(await alive(world));
  const findings = await ended(world);
  const copy = mkdtempSync(join(tmpdir(), "millrace-damaged-"));
  try {
    copyFolder(world.data, copy);
    const file = pickFile(filesOf(copy), random);
    const what = `${file}, ${damage(join(copy, file), random)}`;
    const { silent, outcome } = await judged(copy, whole);
    note(`${what}: ${outcome}`);
    if (silent === null) return findings;
    // What is kept of the round is the damaged data.
    rmSync(world.data, { recursive: true });
    renameSync(copy, world.data);
    return [...findings, `${what}: ${silent}`];
  } finally {
    rmSync(copy, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
};
