import { guestLimits } from "../guests.ts";
import { guestStatement } from "../policy/guest.ts";
import { PolicyRefusal, refuse } from "../policy/refusal.ts";
import { guestSetting } from "../policy/settings.ts";
import { type Outline, outlineOf } from "../sql/outline.ts";
import type { Engine, Statement } from "./engine.ts";
import { exception, type HttpException } from "./exception.ts";
import type { QueryRequest } from "./request.ts";
import type { Client } from "./users.ts";

/** What is run: its text, and what the policy made of its settings. */
export type Admitted = Pick<Statement, "text" | "settings" | "readonly" | "database" | "lane"> & { outline: Outline };

const oneStatement = () =>
  exception(400, 62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): one statement a request");

/** The statement as it may run. A guest's is checked, a statement of the platform only counted. */
export const admit = (engine: Engine, asked: QueryRequest, client: Client, sql: string): Admitted => {
  const isRead = asked.readonly;
  if (client === "platform") {
    const outline = outlineOf(sql);
    if (outline.isSeveral) throw oneStatement();
    const lane = asked.foreignLane ?? (outline.answersRows ? "reads" : "writes");
    const { settings, database } = asked;
    return { text: outline.text, settings, readonly: isRead ? 2 : 0, database, lane, outline };
  }
  return asRefusal(() => {
    const database = guestDatabase(asked.database);
    const limits = guestLimits;
    const policy = { engineFunctions: engine.functions, engineSettings: engine.settings, limits };
    const guest = guestStatement(sql, { ...policy, database });
    const settings = new Map(Object.entries(limits).map(([name, value]) => [name, String(value)]));
    for (const [name, value] of asked.settings) settings.set(name, guestSetting(name, value, policy));
    for (const [name, value] of guest.settings) settings.set(name, value);
    const readonly = guest.readonly || isRead ? 1 : 0;
    return { text: guest.text, settings, readonly, database, lane: "guests", outline: outlineOf(guest.text) };
  });
};

/** The settings of a client as its statements may have them. */
export const admitSettings = (
  engine: Engine,
  client: Client,
  given: ReadonlyMap<string, string>,
): Map<string, string> =>
  asRefusal(() => {
    if (client === "platform") return new Map(given);
    const policy = { engineSettings: engine.settings, limits: guestLimits };
    return new Map([...given].map(([name, value]) => [name, guestSetting(name, value, policy)]));
  });

export const admitDatabase = (client: Client, name: string): string =>
  asRefusal(() => (client === "platform" ? name : guestDatabase(name)));

/** A refusal of the policy as ClickHouse would report it. */
export const asRefusal = <T>(work: () => T): T => {
  try {
    return work();
  } catch (error) {
    throw error instanceof PolicyRefusal ? refusalOf(error) : error;
  }
};

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
