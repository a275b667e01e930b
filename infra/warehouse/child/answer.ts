import { createReadStream } from "node:fs";
import { stat, unlink, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { guestLimits } from "../guests.ts";
import { guestStatement, mostGuestText } from "../policy/guest.ts";
import { PolicyRefusal, refuse } from "../policy/refusal.ts";
import { guestSetting } from "../policy/settings.ts";
import { type Outline, outlineOf } from "../sql/outline.ts";
import type { Engine, EngineResult, Statement } from "./engine.ts";
import { exception, type HttpException } from "./exception.ts";
import type { Pipes } from "./pipes.ts";
import { type ReplyOptions, replyRows, replyWhole, startReply } from "./reply.ts";
import { type QueryRequest, readBody, spoolBody } from "./request.ts";
import { insertFromFile, parseDataInsert, quote } from "./statement.ts";
import type { Client } from "./users.ts";

export type AnswerContext = {
  engine: Engine;
  pipes: Pipes;
  /** Folder for rows on their way in, and for answers that are to be whole before they go out. */
  incoming: string;
  redact(message: string): string;
};

export type Exchange = {
  asked: QueryRequest;
  client: Client;
  request: IncomingMessage;
  response: ServerResponse;
  /** Aborts when the client has left. */
  signal: AbortSignal;
};

const mostTextBytes = { platform: 64 << 20, guest: mostGuestText * 4 } as const;
const mostDataBytes = 2 ** 30;
const mostAtOnceBytes = 2 ** 30;
const mostWholeBytes = 2 ** 30;

/** What is run: its text, and what the policy made of its settings. */
type Admitted = Pick<Statement, "text" | "settings" | "readonly" | "database" | "lane"> & { outline: Outline };

/** Reads the body, runs the statement and answers it. */
export const answer = async (context: AnswerContext, exchange: Exchange): Promise<void> => {
  const { asked, client, request } = exchange;
  const insert = parseDataInsert(asked.query);
  if (insert !== null && insert.dataAt >= asked.query.trimEnd().length) {
    const admitted = admit(context, exchange, asked.query);
    await withFile(context.incoming, "rows", async (file) => {
      const size = await spoolBody(request, file, mostDataBytes);
      await insertFile(context, exchange, admitted, size === 0 ? null : file);
    });
    return;
  }
  const body = await readBody(request, mostTextBytes[client]);
  const inline = asked.query.trim() === "" ? parseDataInsert(body.toString("latin1", 0, 65536)) : null;
  if (inline !== null && inline.format.toLowerCase() !== "values") {
    const admitted = admit(context, exchange, body.toString("utf8", 0, inline.dataAt));
    await withFile(context.incoming, "rows", async (file) => {
      await writeFile(file, body.subarray(inline.dataAt));
      await insertFile(context, exchange, admitted, file);
    });
    return;
  }
  const text = [asked.query, body.toString()].filter((part) => part.trim() !== "").join("\n");
  if (text === "") throw exception(400, 62, "SYNTAX_ERROR", "Empty query");
  const admitted = admit(context, exchange, text);
  if (admitted.lane === "reads" && !asked.waitForEnd) await answerAtOnce(context, exchange, admitted);
  else if (admitted.outline.answersRows) await answerRows(context, exchange, admitted);
  else await answerNothing(context, exchange, admitted, admitted.outline.text);
};

const oneStatement = () =>
  exception(400, 62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): one statement a request");

/** The statement as it may run. A guest's is checked, a statement of the platform only counted. */
const admit = ({ engine }: AnswerContext, { asked, client }: Exchange, sql: string): Admitted => {
  const isRead = asked.readonly;
  if (client === "platform") {
    const outline = outlineOf(sql);
    if (outline.isSeveral) throw oneStatement();
    const lane = asked.foreignLane ?? (outline.answersRows ? "reads" : "writes");
    const { settings, database } = asked;
    return { text: outline.text, settings, readonly: isRead ? 2 : 0, database, lane, outline };
  }
  try {
    const database = guestDatabase(asked.database);
    const limits = guestLimits;
    const policy = { engineFunctions: engine.functions, engineSettings: engine.settings, limits };
    const guest = guestStatement(sql, { ...policy, database });
    const settings = new Map(Object.entries(limits).map(([name, value]) => [name, String(value)]));
    for (const [name, value] of asked.settings) settings.set(name, guestSetting(name, value, policy));
    for (const [name, value] of guest.settings) settings.set(name, value);
    const readonly = guest.readonly || isRead ? 1 : 0;
    return { text: guest.text, settings, readonly, database, lane: "guests", outline: outlineOf(guest.text) };
  } catch (error) {
    throw error instanceof PolicyRefusal ? refusalOf(error) : error;
  }
};

/** As ClickHouse would report it. */
const refusalOf = ({ kind, message }: PolicyRefusal): HttpException => {
  if (kind === "no statement") return exception(400, 62, "SYNTAX_ERROR", `Syntax error: ${message}`);
  if (kind === "no setting") return exception(404, 115, "UNKNOWN_SETTING", message);
  return exception(403, 497, "ACCESS_DENIED", `default: Not enough privileges: ${message}`);
};

const guestDatabase = (name: string | null): string => {
  if (name === null) return "default";
  if (/^[\w-]+$/.test(name) && name.toLowerCase() !== "system") return name;
  throw refuse(`the database ${JSON.stringify(name.slice(0, 100))} may not be the default one of a request`);
};

const statementOf = ({ asked }: Exchange, admitted: Admitted, text: string): Statement => ({
  ...admitted,
  text,
  parameters: asked.parameters,
  format: "TabSeparated",
});

/** Rows that came apart from the statement. */
const insertFile = async (
  context: AnswerContext,
  exchange: Exchange,
  admitted: Admitted,
  file: string | null,
): Promise<void> => {
  const insert = parseDataInsert(admitted.text);
  if (insert === null) throw exception(400, 62, "SYNTAX_ERROR", "Expected INSERT INTO table (columns) FORMAT name");
  const settings = new Map(admitted.settings);
  if (exchange.client === "guest") {
    // Rows of VALUES may else be expressions, which nobody has looked at.
    settings.set("input_format_values_interpret_expressions", "0");
    settings.set("input_format_values_deduce_templates_of_expressions", "0");
  }
  if (file === null)
    await replyWhole(exchange.response, Buffer.alloc(0), nothing, replyOf(context, exchange, "TabSeparated", true));
  else await answerNothing(context, exchange, { ...admitted, settings }, insertFromFile(insert, file));
};

const run = ({ engine }: AnswerContext, statement: Statement, signal: AbortSignal): Promise<EngineResult> =>
  engine.inLane(statement.lane, signal, () => engine.execute(statement, signal));

const nothing: EngineResult = { bytes: Buffer.alloc(0), rowsRead: 0, bytesRead: 0, elapsedMs: 0 };

const replyOf = ({ redact }: AnswerContext, { asked }: Exchange, format: string, wrote: boolean): ReplyOptions => ({
  format,
  wrote,
  gzip: asked.gzipResponse,
  redact,
});

const answerNothing = async (
  context: AnswerContext,
  exchange: Exchange,
  admitted: Admitted,
  text: string,
): Promise<void> => {
  const result = await run(context, statementOf(exchange, admitted, text), exchange.signal);
  const format = exchange.asked.format ?? "TabSeparated";
  await replyWhole(exchange.response, Buffer.alloc(0), result, replyOf(context, exchange, format, true));
};

/** Reads of the platform are small and many: their rows are taken from memory, which is 1 ms less than by a pipe. */
const answerAtOnce = async (context: AnswerContext, exchange: Exchange, admitted: Admitted): Promise<void> => {
  const format = exchange.asked.format ?? "TabSeparated";
  const settings = new Map([["max_result_bytes", String(mostAtOnceBytes)], ...admitted.settings]);
  const statement = { ...statementOf(exchange, { ...admitted, settings }, admitted.text), format };
  const result = await run(context, statement, exchange.signal);
  await replyWhole(
    exchange.response,
    result.bytes,
    result,
    replyOf(context, exchange, admitted.outline.format ?? format, false),
  );
};

/** The engine writes the rows where they are read from: into a pipe, or a file if they are to be whole first. */
const answerRows = async (context: AnswerContext, exchange: Exchange, admitted: Admitted): Promise<void> => {
  const { asked, signal } = exchange;
  const format = admitted.outline.format ?? asked.format ?? "TabSeparated";
  const options = replyOf(context, exchange, format, false);
  const into = (path: string): Statement => {
    const { text, outputAt, format: named } = admitted.outline;
    const end = named === null ? ` FORMAT ${format}` : ` ${text.slice(outputAt)}`;
    const query = `${text.slice(0, outputAt)}\nINTO OUTFILE ${quote(path)} APPEND${end}`;
    return statementOf(exchange, admitted, query);
  };
  if (asked.waitForEnd) {
    await withFile(context.incoming, "answer", async (file) => {
      await writeFile(file, "");
      const statement = into(file);
      // Of a guest, what would else fill the disk.
      const settings = new Map(statement.settings);
      if (exchange.client === "guest") {
        settings.set("max_result_bytes", String(Math.min(mostWholeBytes, Number(settings.get("max_result_bytes")))));
      }
      const result = await run(context, { ...statement, settings }, signal);
      await sendFile(exchange, file, result, options);
    });
    return;
  }
  await context.engine.inLane(admitted.lane, signal, async () => {
    const pipe = context.pipes.take();
    const leave = (): void => void pipe.rows.destroy();
    signal.addEventListener("abort", leave, { once: true });
    const settled = context.engine.execute(into(pipe.path), signal).finally(pipe.finish);
    const ended = settled.catch(() => undefined);
    try {
      await replyRows(exchange.response, pipe.rows, settled, options);
    } finally {
      signal.removeEventListener("abort", leave);
      pipe.rows.destroy();
      // Nobody else may have the pipe while the engine still writes into it.
      await ended;
      pipe.free();
    }
  });
};

const sendFile = async ({ asked, response }: Exchange, file: string, result: EngineResult, options: ReplyOptions) => {
  const { size } = await stat(file);
  startReply(response, result, options, asked.gzipResponse ? null : size);
  const rows = createReadStream(file);
  if (asked.gzipResponse) await pipeline(rows, createGzip({ level: 3 }), response);
  else await pipeline(rows, response);
};

let files = 0;
const withFile = async (folder: string, kind: string, use: (file: string) => Promise<void>): Promise<void> => {
  const file = join(folder, `${++files}.${kind}`);
  try {
    await use(file);
  } finally {
    await unlink(file).catch(() => undefined);
  }
};
