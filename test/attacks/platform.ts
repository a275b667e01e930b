import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Agent, type OutgoingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { errorTable } from "../../schemas/errors.ts";
import { type Running, startPlatform, temporaryFolder, until } from "../e2e/platform.ts";

/** One request, byte for byte what it says: `fetch` would mend addresses and refuse some headers. */
export type Attack = { method?: string; path: string; headers?: OutgoingHttpHeaders; body?: string | Buffer };

export type Answer = {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
  /** Of our table, in whatever form the door tells it; null where it tells none. */
  code: string | null;
  ms: number;
};

/** What must hold of an answer; an attack is refused with a 4xx if nothing else is said. */
export type Expected = { status?: readonly number[]; code?: readonly string[] };

export type AttackedPlatform = Running & {
  send(attack: Attack): Promise<Answer>;
  /** Sends, and asserts: a coded refusal, as expected, and `/health/live` answered in time all the while. */
  probe(name: string, attack: Attack, expected?: Expected): Promise<Answer>;
  /** Any other work under which `/health/live` must go on answering in time. Done again where it did not. */
  meanwhile<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Megabytes that the platform's main process holds. */
  rss(): number;
};

/** The longest that `/health/live` may take whatever a stranger sends. */
const mostMs = 1_000;
/** A busy machine stalls once; an attack stalls it each time. */
const times = 3;
const readyMs = 60_000;

/** The code in an answer of GraphQL, of REST, of the registry or of MLflow. */
const codeIn = (body: string): string | null => {
  try {
    const { code, error_code, errors } = JSON.parse(body) as Record<string, unknown>;
    const [first] = (errors ?? []) as { extensions?: { code?: unknown } }[];
    const found = first?.extensions?.code ?? code ?? error_code;
    return found === undefined ? null : String(found);
  } catch {
    return null;
  }
};

const sender = (url: string): AttackedPlatform["send"] => {
  const { hostname, port } = new URL(url);
  return async ({ method = "GET", path, headers = {}, body }) => {
    const startedAt = performance.now();
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    // Who says `connection: close` is cut off with the answer, and may not see it when there was more to send.
    const agent = new Agent({ keepAlive: true });
    const asked = request({ hostname, port, method, path, headers: { ...length, ...headers }, agent });
    asked.end(body);
    const [response] = await once(asked, "response");
    // Who refuses early reads no further for long.
    asked.on("error", () => {});
    const told = await text(response);
    agent.destroy();
    const ms = performance.now() - startedAt;
    return { status: response.statusCode, headers: response.headers, body: told, code: codeIn(told), ms };
  };
};

/** The longest wait for `/health/live` since it was last asked, and the one that is under way then. */
const pulseOf = (t: TestContext, url: string): (() => Promise<number>) => {
  const worker = new Worker(new URL("./pulse.child.ts", import.meta.url), { workerData: { url, pauseMs: 20 } });
  t.after(() => worker.terminate());
  return async () => {
    worker.postMessage("told");
    const [longest] = await once(worker, "message");
    return longest as number;
  };
};

const isRefusal = (status: number): boolean => status >= 400 && status < 500;

/** A platform in a process of its own, on fresh data, ready. It ends with the test. */
export const attackedPlatform = async (
  t: TestContext,
  environment: Record<string, string> = {},
): Promise<AttackedPlatform> => {
  const running = await startPlatform(t, temporaryFolder(t, "attacks"), environment);
  const send = sender(running.url);
  await until("the platform is ready", readyMs, async () => (await send({ path: "/health/ready" })).status === 200);
  const pulse = pulseOf(t, running.url);

  const meanwhile: AttackedPlatform["meanwhile"] = async (name, work) => {
    for (let time = 1; ; time++) {
      await pulse();
      const made = await work();
      const longest = await pulse();
      if (longest < mostMs) return made;
      assert.ok(time < times, `${name}: /health/live took ${Math.round(longest)} ms, the last of ${times} times`);
    }
  };

  return {
    ...running,
    send,
    meanwhile,
    async probe(name, attack, { status, code } = {}) {
      const answer = await meanwhile(name, () => send(attack));
      const told = `${name}: ${answer.status} ${answer.body.slice(0, 300)}`;
      assert.ok(status === undefined ? isRefusal(answer.status) : status.includes(answer.status), told);
      assert.ok(answer.status < 400 || answer.code !== null, told);
      assert.ok(answer.code !== "INTERNAL" && answer.code !== "INTERNAL_ERROR", told);
      if (code !== undefined) assert.ok(code.includes(String(answer.code)), told);
      return answer;
    },
    rss() {
      const [, kilobytes] =
        /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${running.child.pid}/status`, "utf8")) ?? [];
      return Number(kilobytes) / 1024;
    },
  };
};

/** Whether a code is one of the table. */
export const isKnown = (code: string | null): boolean => code !== null && code in errorTable;
