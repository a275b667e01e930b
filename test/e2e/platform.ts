import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { Client } from "../../examples/flights/client.ts";

/** The repository's root, where commands are started. */
export const root = fileURLToPath(new URL("../../", import.meta.url));
const script = join(root, "millrace.ts");
const startLimitMs = 60_000;
const waitLimitMs = 90_000;

type Environment = Record<string, string>;

/** Settings come from the test alone, whatever the environment of the test run says. */
const environmentOf = (environment: Environment): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  TMPDIR: tmpdir(),
  ...environment,
});

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

/** A started process: what it printed so far, and its end. */
export type Started = {
  child: ChildProcess;
  output(): string;
  ended: Promise<Exit>;
  kill(signal: NodeJS.Signals): Promise<Exit>;
};

const started = (command: string, args: readonly string[], environment: Environment): Started => {
  const child = spawn(command, args, { cwd: root, env: environmentOf(environment), stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const keep = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  const ended = new Promise<Exit>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  return {
    child,
    output: () => output,
    ended,
    kill: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
};

/** `millrace start` on this data and a free port, not waited for. */
export const spawnPlatform = (data: string, environment: Environment = {}): Started =>
  started(process.execPath, [script, "start", "--data", data, "--port", "0", "--log-level", "warn"], environment);

/** Any command to its end. */
export const run = async (
  command: string,
  args: readonly string[],
  environment: Environment = {},
): Promise<Exit & { output: string }> => {
  const process = started(command, args, environment);
  const exit = await process.ended;
  return { ...exit, output: process.output() };
};

/** `millrace ARGS`. */
export const millrace = (args: readonly string[], environment: Environment = {}): ReturnType<typeof run> =>
  run(process.execPath, [script, ...args], environment);

/** A platform that answers. */
export type Running = Started & {
  client: Client;
  url: string;
  /** With the credentials that people have. */
  warehouse: string;
  /** Rows of a ClickHouse query. */
  sql<T = Record<string, unknown>>(query: string): Promise<T[]>;
};

/** Waits for the URLs that `start` prints when its doors are open. */
export const ready = async (process: Started): Promise<Running> => {
  const doors = /GraphQL\s+(\S+)\/graphql[\s\S]*ClickHouse\s+http:\/\/(\S+)(?:.*password in (.*)\))?\n/;
  const [, url, place, file] = await printed(process, doors);
  const user = file === undefined ? "" : `default:${readFileSync(file, "utf8").trim()}@`;
  const warehouse = `http://${user}${place}`;
  return { ...process, client: clientOf(url), url, warehouse, sql: (query) => askClickHouse(warehouse, query) };
};

/** Waits until a started process has printed something; fails when it ends before. */
export const printed = async (process: Started, wanted: RegExp): Promise<RegExpExecArray> => {
  let exit: Exit | null = null;
  void process.ended.then((end) => {
    exit = end;
  });
  return until(`the platform prints ${wanted}`, startLimitMs, async () => {
    if (exit !== null) throw new Error(`the platform ended (${JSON.stringify(exit)}):\n${process.output()}`);
    return wanted.exec(process.output());
  });
};

/** Starts a platform, and ends it with the test if the test has not. */
export const startPlatform = async (t: TestContext, data: string, environment: Environment = {}): Promise<Running> => {
  const process = spawnPlatform(data, environment);
  t.after(() => process.kill("SIGKILL"));
  return ready(process);
};

/** The example's client without its patience: a test is to see a platform that goes away, and to knock at no other. */
export const clientOf = (url: string): Client => {
  const post = async (path: string, type: string, body: string): Promise<string> => {
    const response = await fetch(url + path, { method: "POST", headers: { "content-type": type }, body });
    const text = await response.text();
    // GraphQL says in its body what it refuses.
    if (!response.ok && path !== "/graphql") throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  };
  return {
    url,
    headers: {},
    query: async <T>(text: string, variables?: Record<string, unknown>): Promise<T> => {
      const answer = JSON.parse(await post("/graphql", "application/json", JSON.stringify({ query: text, variables })));
      const [failure] = (answer.errors ?? []) as { message: string; extensions?: { code: string } }[];
      if (failure !== undefined) throw new Error(`${failure.extensions?.code ?? "ERROR"}: ${failure.message}`);
      return answer.data as T;
    },
    produce: async (topic, records) => {
      await post(`/topics/${topic}`, "application/vnd.kafka.json.v2+json", `{"records":[${records.join(",")}]}`);
    },
  };
};

const askClickHouse = async <T>(address: string, query: string): Promise<T[]> => {
  const { username, password, origin, pathname } = new URL(address);
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
  const database = pathname.slice(1) || "default";
  const response = await fetch(`${origin}/?database=${database}&default_format=JSONEachRow`, {
    method: "POST",
    headers: { authorization: `Basic ${credentials}` },
    body: query,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${query}: ${text}`);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
};

/** Asks until the answer is truthy; fails, saying what it waited for, when the limit is over. */
export const until = async <T>(
  what: string,
  limitMs: number,
  ask: () => Promise<T | null | undefined | false>,
): Promise<T> => {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** Waits until a query that answers one row with a column `n` has reached this number. */
export const untilCount = async (
  platform: Pick<Running, "sql" | "output">,
  query: string,
  wanted: number,
): Promise<void> => {
  let last = 0;
  try {
    await until(`${query} is ${wanted}`, waitLimitMs, async () => {
      const [{ n }] = await platform.sql<{ n: number | string }>(query);
      last = Number(n);
      return last >= wanted;
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}; it is ${last}\n${platform.output()}`, { cause: error });
  }
};

/** A folder that is gone after the test. */
export const temporaryFolder = (t: TestContext, name: string): string => {
  const folder = mkdtempSync(join(tmpdir(), `millrace-${name}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
};
