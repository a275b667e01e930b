import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { loadChdb } from "./chdb.ts";
import { exception, fromEngine, withWayOut } from "./exception.ts";
import { type LaneLimits, type LaneName, laneLimits } from "./lane-limits.ts";
import { lane, whyAborted } from "./lanes.ts";
import { quote } from "./statement.ts";

export type Statement = {
  text: string;
  database: string | null;
  settings: ReadonlyMap<string, string>;
  /** By name, escaped as in HTTP's `param_<name>`. */
  parameters: ReadonlyMap<string, string>;
  /** For a statement that names none itself. */
  format: string;
  /** 0 writes, 2 reads, 1 reads and changes no setting: the strictest, which takes most table functions away, too. */
  readonly: 0 | 1 | 2;
  lane: LaneName;
  /** Statements before it on the same connection, which may write. */
  before: readonly string[];
};

/** `bytes` are the rows that the statement wrote nowhere else; the counts are of its result or, of an insert of rows, of those. */
export type EngineResult = { bytes: Buffer; rowsRead: number; bytesRead: number; elapsedMs: number };

export type Engine = {
  /** Does the job when the lane has a place, unless the signal aborts before. `HttpException` 503 when too many wait. */
  inLane<T>(name: LaneName, signal: AbortSignal, job: () => Promise<T>): Promise<T>;
  /**
   * Runs a statement, in a job of its lane. `HttpException` for whatever the engine refuses; it is killed when the
   * signal aborts or its time is over.
   */
  execute(statement: Statement, signal: AbortSignal): Promise<EngineResult>;
  /** Functions that this engine has, in lower case. */
  functions: ReadonlySet<string>;
  /** Settings that this engine has. */
  settings: ReadonlySet<string>;
  /** Resolves when everything that runs has ended. */
  close(): Promise<void>;
};

export type EngineOptions = {
  directory: string;
  limits?: Partial<Record<LaneName, Partial<LaneLimits>>>;
  /** A statement ignores its end: the process must end, for nothing else ends it. */
  onStuck(reason: string): void;
};

const killAgainMs = 250;
/** For the answer of a statement that takes this process with it. */
const answeredMs = 250;

/**
 * chDB over one directory. Every statement gets a connection of its own, opened and closed around it (70 us): then
 * neither settings nor the bytes that chDB leaves behind when a query fails after some output (they would stand in
 * front of the connection's next result) can reach another statement.
 */
export const openEngine = async ({ directory, limits, onStuck }: EngineOptions): Promise<Engine> => {
  const chdb = loadChdb();
  // Keeps the engine, and its background merges, alive between statements.
  const anchor = chdb.CreateConnection(directory);
  const running = new Set<Promise<unknown>>();

  const alone = async (sql: string, format: string) => {
    const connection = chdb.CreateConnection(directory);
    try {
      return await chdb.QueryAsyncConnection(connection, sql, format);
    } finally {
      chdb.CloseConnection(connection);
    }
  };

  const laneOf = (name: LaneName) => {
    const own = { ...laneLimits[name], ...limits?.[name] };
    return { ...own, take: lane(own.atOnce, own.waiting) };
  };
  const lanes = { reads: laneOf("reads"), writes: laneOf("writes"), guests: laneOf("guests"), loads: laneOf("loads") };

  /** Asks again until the statement has ended: it may not be known to the engine yet. Never waits behind a lane. */
  const killUntil = async (id: string, ended: AbortSignal): Promise<void> => {
    while (!ended.aborted) {
      await alone(`KILL QUERY WHERE Settings['log_comment'] = ${quote(id)} ASYNC`, "Null").catch(() => undefined);
      await pause(killAgainMs, ended);
    }
  };

  const execute = async (statement: Statement, signal: AbortSignal): Promise<EngineResult> => {
    if (signal.aborted) throw whyAborted(signal);
    const { deadlineMs: most, graceMs } = lanes[statement.lane];
    // Who asks for less has it: a file on which the engine's reader turns for ever must not hold a lane.
    const deadlineMs = 1000 * secondsOf(statement.settings.get("max_execution_time"), most / 1000);
    const id = randomUUID();
    const ended = new AbortController();
    let killing: Promise<void> | null = null;
    let isLate = false;
    const kill = (): void => {
      killing ??= killUntil(id, ended.signal);
    };
    // The engine ends most statements itself at their deadline; the kill is for those that it does not look at.
    const late = setTimeout(() => {
      isLate = true;
      kill();
    }, deadlineMs + 1_000);
    const given = Promise.withResolvers<never>();
    const giveUp = (afterMs: number): NodeJS.Timeout =>
      setTimeout(() => {
        // Who asked is told before this process is gone.
        given.reject(timeout(deadlineMs));
        setTimeout(() => onStuck(stuckFor(statement, afterMs)), answeredMs);
      }, afterMs);
    let stuck = giveUp(deadlineMs + graceMs);
    const leave = (): void => {
      kill();
      clearTimeout(stuck);
      stuck = giveUp(graceMs);
    };
    // A write of the platform goes on, as in ClickHouse: it is repeated by its token, or asked for by what it made.
    if (statement.lane !== "writes") signal.addEventListener("abort", leave, { once: true });
    try {
      const work = alone(preludeOf(statement, id, deadlineMs) + statement.text, statement.format);
      const result = await Promise.race([work, given.promise]);
      const { bytes, rowsRead, bytesRead, elapsed } = result;
      return { bytes: asBuffer(bytes), rowsRead, bytesRead, elapsedMs: elapsed * 1000 };
    } catch (error) {
      if (signal.aborted) throw whyAborted(signal);
      const failure = isLate ? timeout(deadlineMs) : fromEngine(error);
      throw statement.lane === "guests" ? withWayOut(failure) : failure;
    } finally {
      signal.removeEventListener("abort", leave);
      clearTimeout(late);
      clearTimeout(stuck);
      ended.abort();
      await killing;
    }
  };

  await alone("CREATE DATABASE IF NOT EXISTS millrace", "Null");
  const names = async (sql: string): Promise<ReadonlySet<string>> =>
    new Set(
      asBuffer((await alone(sql, "TabSeparatedRaw")).bytes)
        .toString()
        .split("\n"),
    );
  return {
    functions: await names("SELECT lower(name) FROM system.functions"),
    settings: await names("SELECT name FROM system.settings"),
    execute,
    inLane(name, signal, job) {
      const work = lanes[name].take(job, signal);
      const settled = work.then(
        () => undefined,
        () => undefined,
      );
      running.add(settled);
      settled.then(() => running.delete(settled));
      return work;
    },
    async close() {
      await Promise.all(running);
      chdb.CloseConnection(anchor);
    },
  };
};

const timeout = (deadlineMs: number) =>
  exception(408, 159, "TIMEOUT_EXCEEDED", `Timeout exceeded: maximum: ${deadlineMs} ms`);

/** The statement itself may hold what is no log's business. */
const stuckFor = ({ lane: name, text }: Statement, milliseconds: number): string =>
  `a statement (${/^\W*(\w*)/.exec(text)?.[1]?.toUpperCase()}) of the lane "${name}" did not end within ${milliseconds} ms`;

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal }).catch(() => undefined);

const usualBoundLength = 50_000;

const identifier = /^[A-Za-z_]\w*$/;

const preludeOf = (statement: Statement, id: string, deadlineMs: number): string => {
  const parts: string[] = [];
  const bound = [...statement.parameters.values()].reduce((sum, value) => sum + value.length, 0);
  // A value is bound by a statement, whose text the engine bounds.
  if (bound > usualBoundLength) parts.push(`SET max_query_size = ${10 * bound}`);
  if (statement.database !== null) parts.push(`USE ${backquote(statement.database)}`);
  for (const [name, value] of statement.parameters) {
    if (!identifier.test(name)) throw exception(400, 36, "BAD_ARGUMENTS", `Bad parameter name: ${name}`);
    parts.push(`SET param_${name} = ${quote(value)}`);
  }
  const settings = new Map([
    // An insert is written when it is answered, unless the caller asks for less.
    ["async_insert", "0"],
    ...statement.settings,
    ["max_execution_time", String(deadlineMs / 1000)],
    ["allow_introspection_functions", "0"],
    ["log_comment", id],
  ]);
  for (const name of settings.keys()) {
    if (!identifier.test(name)) throw exception(404, 115, "UNKNOWN_SETTING", `Unknown setting '${name}'`);
  }
  parts.push(`SET ${[...settings].map(([name, value]) => `${name} = ${quote(value)}`).join(", ")}`);
  parts.push(...statement.before);
  if (statement.readonly !== 0) parts.push(`SET readonly = ${statement.readonly}`);
  return `${parts.join("; ")}; `;
};

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What a statement asks for, if it is less than its lane gives; 0 would be without an end. */
const secondsOf = (asked: string | undefined, most: number): number =>
  Number(asked) > 0 ? Math.min(Number(asked), most) : most;

const backquote = (name: string): string => `\`${name.replace(/[\\`]/g, "\\$&")}\``;
