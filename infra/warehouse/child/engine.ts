import { MillraceError } from "../../../schemas/errors.ts";
import { exception, fromEngine } from "./exception.ts";
import { lane } from "./lanes.ts";
import { isWrite, quote } from "./statement.ts";

export type Statement = {
  text: string;
  database: string | null;
  settings: ReadonlyMap<string, string>;
  /** By name, escaped as in HTTP's `param_<name>`. */
  parameters: ReadonlyMap<string, string>;
  /** For a statement that names none itself. */
  format: string;
  readonly: boolean;
  /** Keeps settings and temporary tables between statements; null for a statement of its own. */
  session: string | null;
};

export type EngineResult = { bytes: Buffer; rowsRead: number; bytesRead: number; elapsedMs: number };

export type Engine = {
  /** `HttpException` for whatever the engine refuses. */
  run(statement: Statement): Promise<EngineResult>;
  /** Resolves when everything that runs has ended. */
  close(): Promise<void>;
};

type Chdb = typeof import("chdb");
type Session = InstanceType<Chdb["Session"]>;
type Named = { session: Session; busy: boolean; usedAt: number };

const readsAtOnce = 6;
const writesAtOnce = 2;
const mostWaiting = 512;
const mostNamedSessions = 32;

/**
 * chDB over one directory. Every statement gets a session of its own, opened and closed around it (70 us): then
 * neither settings nor the bytes that chDB leaves behind when a query fails after some output (they would stand in
 * front of the session's next result) can reach another statement. Sessions run side by side; reads and writes
 * wait in lanes of their own, so that a read never stands behind a queue of inserts.
 */
export const openEngine = async (directory: string): Promise<Engine> => {
  const { Session } = await loadChdb();
  // Keeps the engine, and its background merges, alive between statements.
  const anchor = new Session(directory);
  await anchor.queryAsync("CREATE DATABASE IF NOT EXISTS millrace");
  const reads = lane(readsAtOnce, mostWaiting);
  const writes = lane(writesAtOnce, mostWaiting);
  const named = new Map<string, Named>();
  const running = new Set<Promise<unknown>>();

  const execute = async (session: Session, statement: Statement): Promise<EngineResult> => {
    try {
      const result = await session.queryAsync(preludeOf(statement) + statement.text, { format: statement.format });
      return {
        bytes: asBuffer(result.bytes()),
        rowsRead: result.rowsRead,
        bytesRead: result.bytesRead,
        elapsedMs: result.elapsed * 1000,
      };
    } catch (error) {
      throw fromEngine(error);
    }
  };

  const alone = async (statement: Statement): Promise<EngineResult> => {
    const session = new Session(directory);
    try {
      return await execute(session, statement);
    } finally {
      session.close();
    }
  };

  const inNamed = async (id: string, statement: Statement): Promise<EngineResult> => {
    const entry = named.get(id) ?? { session: new Session(directory), busy: false, usedAt: 0 };
    if (entry.busy) throw exception(500, 373, "SESSION_IS_LOCKED", `Session ${id} is locked by a concurrent client`);
    named.delete(id);
    named.set(id, entry);
    dropOldest(named);
    entry.busy = true;
    try {
      return await execute(entry.session, statement);
    } catch (error) {
      // The failed query's bytes come out with the next result: take them out now.
      await entry.session.queryAsync("SELECT 1 FORMAT Null").catch(() => undefined);
      throw error;
    } finally {
      entry.busy = false;
    }
  };

  return {
    run(statement) {
      const work = (isWrite(statement.text) ? writes : reads)(() =>
        statement.session === null ? alone(statement) : inNamed(statement.session, statement),
      );
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
      for (const { session } of named.values()) session.close();
      anchor.close();
    },
  };
};

const loadChdb = async (): Promise<Chdb> => {
  try {
    return await import("chdb");
  } catch (cause) {
    throw new MillraceError(
      "WAREHOUSE_FAILED",
      "The embedded warehouse needs the optional package chdb, which is not installed here or does not support this machine: " +
        "run `npm install --include=optional`, or set WAREHOUSE to the URL of a ClickHouse server",
      { cause },
    );
  }
};

const identifier = /^[A-Za-z_]\w*$/;

const preludeOf = (statement: Statement): string => {
  const parts: string[] = [];
  if (statement.database !== null) parts.push(`USE ${backquote(statement.database)}`);
  for (const [name, value] of statement.parameters) {
    if (!identifier.test(name)) throw exception(400, 36, "BAD_ARGUMENTS", `Bad parameter name: ${name}`);
    parts.push(`SET param_${name} = ${quote(value)}`);
  }
  // An insert is written when it is answered, unless the caller asks for less.
  const settings = [["async_insert", "0"], ...statement.settings];
  for (const [name] of settings) {
    if (!identifier.test(name)) throw exception(404, 115, "UNKNOWN_SETTING", `Unknown setting '${name}'`);
  }
  parts.push(`SET ${settings.map(([name, value]) => `${name} = ${quote(value)}`).join(", ")}`);
  if (statement.readonly) parts.push("SET readonly = 2");
  return `${parts.join("; ")}; `;
};

const backquote = (name: string): string => `\`${name.replace(/[\\`]/g, "\\$&")}\``;

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const dropOldest = (named: Map<string, Named>): void => {
  if (named.size <= mostNamedSessions) return;
  for (const [id, entry] of named) {
    if (entry.busy) continue;
    named.delete(id);
    entry.session.close();
    return;
  }
};
