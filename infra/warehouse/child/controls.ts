import { admitDatabase, admitSettings, asRefusal } from "./admit.ts";
import type { AnswerContext, Exchange } from "./answer.ts";
import { controlOf } from "./control.ts";
import { exception } from "./exception.ts";
import { replyWhole } from "./reply.ts";
import { quote } from "./statement.ts";

/**
 * Does a statement that is this server's own business: `SET` and `USE` of a session (without one they last no longer than
 * their request), and `KILL QUERY`. Answers false for every other statement.
 */
export const answerControl = async (context: AnswerContext, exchange: Exchange, text: string): Promise<boolean> => {
  const control = asRefusal(() => controlOf(text));
  if (control === null) return false;
  const { client, session, asked, response } = exchange;
  const format = asked.format ?? "TabSeparated";
  const options = { format, coding: asked.replyCoding, wrote: "nothing", redact: context.redact } as const;
  if (control.kind === "kill") {
    const killed = context.running.kill(control.queryId, client);
    const statement = {
      text: `SELECT 'waiting' AS kill_status, ${quote(control.queryId)} AS query_id WHERE ${killed ? 1 : 0}`,
      database: null,
      settings: new Map(),
      parameters: new Map(),
      format: control.format ?? format,
      readonly: 2,
      lane: "reads",
      before: [],
    } as const;
    // Never behind a lane: those may be full of what is to be killed.
    const result = await context.engine.execute(statement, exchange.signal);
    await replyWhole(response, result.bytes, result, { ...options, format: statement.format });
    return true;
  }
  if (control.kind === "set") {
    for (const [name, value] of admitSettings(context.engine, client, control.settings)) {
      if (!context.engine.settings.has(name)) throw exception(404, 115, "UNKNOWN_SETTING", `Unknown setting '${name}'`);
      session?.settings.set(name, value);
    }
  } else {
    const database = admitDatabase(client, control.database);
    if (session !== null) session.database = database;
  }
  const nothing = { bytes: Buffer.alloc(0), rowsRead: 0, bytesRead: 0, elapsedMs: 0 };
  await replyWhole(response, nothing.bytes, nothing, options);
  return true;
};
