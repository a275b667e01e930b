import { createReadStream } from "node:fs";
import { stat, unlink, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { mostGuestText } from "../policy/guest.ts";
import { type Admitted, admit } from "./admit.ts";
import { readBody, spoolBody } from "./body.ts";
import { replyCoder } from "./compression/reply-coding.ts";
import { answerControl } from "./controls.ts";
import type { Engine, EngineResult, Statement } from "./engine.ts";
import { exception } from "./exception.ts";
import { type ExternalTable, externalTable, isForm, readForm } from "./form.ts";
import type { Pipes } from "./pipes.ts";
import { type ReplyOptions, replyRows, replyWhole, startReply, type Written } from "./reply.ts";
import type { QueryRequest } from "./request.ts";
import type { Running } from "./running.ts";
import type { Session } from "./sessions.ts";
import { insertFromFile, parseDataInsert, quote } from "./statement.ts";
import type { Client } from "./users.ts";

export type AnswerContext = {
  engine: Engine;
  pipes: Pipes;
  /** Folder for rows on their way in, and for answers that are to be whole before they go out. */
  incoming: string;
  running: Running;
  redact(message: string): string;
};

export type Exchange = {
  asked: QueryRequest;
  client: Client;
  request: IncomingMessage;
  response: ServerResponse;
  /** Aborts when the client has left, or the statement was killed. */
  signal: AbortSignal;
  session: Session | null;
  /** What stands before the statement on its connection. */
  before: string[];
};

const mostTextBytes = { platform: 64 << 20, guest: mostGuestText * 4 } as const;
const mostDataBytes = 2 ** 30;
const mostAtOnceBytes = 2 ** 30;
const mostWholeBytes = 2 ** 30;

/** Reads the body, runs the statement and answers it. */
export const answer = async (context: AnswerContext, exchange: Exchange): Promise<void> => {
  const { asked, client, request } = exchange;
  if (isForm(request)) {
    const tables = await readForm(request, asked);
    await withTables(context, exchange, tables, () => answerText(context, exchange, asked.query));
    return;
  }
  const insert = parseDataInsert(asked.query);
  if (insert !== null && insert.dataAt >= asked.query.trimEnd().length) {
    const admitted = admit(context.engine, asked, client, asked.query);
    await withFile(context.incoming, "rows", async (file) => {
      const size = await spoolBody(request, asked.bodyCoding, file, mostDataBytes);
      await insertFile(context, exchange, admitted, size === 0 ? null : file);
    });
    return;
  }
  const body = await readBody(request, asked.bodyCoding, mostTextBytes[client]);
  const inline = asked.query.trim() === "" ? parseDataInsert(body.toString("latin1", 0, 65536)) : null;
  if (inline !== null && inline.format.toLowerCase() !== "values") {
    const admitted = admit(context.engine, asked, client, body.toString("utf8", 0, inline.dataAt));
    await withFile(context.incoming, "rows", async (file) => {
      await writeFile(file, body.subarray(inline.dataAt));
      await insertFile(context, exchange, admitted, file);
    });
    return;
  }
  const text = [asked.query, body.toString()].filter((part) => part.trim() !== "").join("\n");
  await answerText(context, exchange, text);
};

const answerText = async (context: AnswerContext, exchange: Exchange, text: string): Promise<void> => {
  const { asked, client } = exchange;
  if (text.trim() === "") throw exception(400, 62, "SYNTAX_ERROR", "Empty query");
  if (await answerControl(context, exchange, text)) return;
  const admitted = admit(context.engine, asked, client, text);
  if (admitted.lane === "reads" && !asked.waitForEnd) await answerAtOnce(context, exchange, admitted);
  else if (admitted.outline.answersRows) await answerRows(context, exchange, admitted);
  else await answerNothing(context, exchange, admitted, admitted.outline.text, writtenBy(admitted.outline.text));
};

/** What a statement read is what it wrote where its rows stand in it; of others only the engine knows. */
const writtenBy = (text: string): Written =>
  parseDataInsert(text) !== null ? "all" : /^\s*INSERT\b/i.test(text) ? "unknown" : "nothing";

const statementOf = ({ asked, before }: Exchange, admitted: Admitted, text: string): Statement => ({
  ...admitted,
  before,
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
    await replyWhole(exchange.response, Buffer.alloc(0), nothing, replyOf(context, exchange, "TabSeparated", "all"));
  else await answerNothing(context, exchange, { ...admitted, settings }, insertFromFile(insert, file), "all");
};

const run = ({ engine }: AnswerContext, statement: Statement, signal: AbortSignal): Promise<EngineResult> =>
  engine.inLane(statement.lane, signal, () => engine.execute(statement, signal));

const nothing: EngineResult = { bytes: Buffer.alloc(0), rowsRead: 0, bytesRead: 0, elapsedMs: 0 };

const replyOf = ({ redact }: AnswerContext, { asked }: Exchange, format: string, wrote: Written): ReplyOptions => ({
  format,
  wrote,
  coding: asked.replyCoding,
  redact,
});

const answerNothing = async (
  context: AnswerContext,
  exchange: Exchange,
  admitted: Admitted,
  text: string,
  wrote: Written,
): Promise<void> => {
  const result = await run(context, statementOf(exchange, admitted, text), exchange.signal);
  const format = exchange.asked.format ?? "TabSeparated";
  await replyWhole(exchange.response, Buffer.alloc(0), result, replyOf(context, exchange, format, wrote));
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
    replyOf(context, exchange, admitted.outline.format ?? format, "nothing"),
  );
};

/** The engine writes the rows where they are read from: into a pipe, or a file if they are to be whole first. */
const answerRows = async (context: AnswerContext, exchange: Exchange, admitted: Admitted): Promise<void> => {
  const { asked, signal } = exchange;
  const format = admitted.outline.format ?? asked.format ?? "TabSeparated";
  const options = replyOf(context, exchange, format, "nothing");
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
    // The engine may hold the pipe open and write no more.
    const ended = settled.catch(leave);
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
  const coder = replyCoder(asked.replyCoding);
  startReply(response, result, options, coder === null ? size : null);
  const rows = createReadStream(file);
  if (coder === null) await pipeline(rows, response);
  else await pipeline(rows, coder, response);
};

/** Makes the tables that came with the statement, and leaves no file of theirs. */
const withTables = async (
  context: AnswerContext,
  exchange: Exchange,
  tables: readonly ExternalTable[],
  use: () => Promise<void>,
): Promise<void> => {
  const [table, ...rest] = tables;
  if (table === undefined) return use();
  await withFile(context.incoming, "rows", async (file) => {
    exchange.before.push(...(await externalTable(table, file)));
    await withTables(context, exchange, rest, use);
  });
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
