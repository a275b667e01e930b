import { existsSync } from "node:fs";
import type { ParseArgsConfig } from "node:util";
import type { Settings } from "../../infra/config.ts";
import { sqlitePath } from "../../infra/sqlite/database.ts";
import { MillraceError } from "../../schemas/errors.ts";

export type CliArguments = { values: Record<string, string | boolean | undefined>; positionals: string[] };

/** One command of the command line. `run` answers the exit code. */
export type CliCommand = {
  help: string;
  options: NonNullable<ParseArgsConfig["options"]>;
  run(args: CliArguments): Promise<number>;
};

/** Options of every command that reads settings. */
export const settingOptions = {
  roles: { type: "string" },
  data: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
  "log-level": { type: "string" },
} as const;

export const settingHelp = `  --roles ROLES      What this process does: api,streams,projections,training (ROLES; all)
  --data DIR         Directory of the embedded engines (DATA; ./data)
  --port N           Port to listen on, 0 for a free one (PORT; 4000)
  --host H           Address to listen on (HOST; 127.0.0.1)
  --log-level LEVEL  trace, debug, info, warn, error or silent (LOG_LEVEL; info)`;

export const textValues = (values: CliArguments["values"]): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : undefined]),
  );

/** An option that is a count. BAD_REQUEST names it. */
export const countOption = (values: CliArguments["values"], name: string, least = 0): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least) return value;
  throw new MillraceError("BAD_REQUEST", `--${name}: expected a whole number from ${least} on, got "${values[name]}"`);
};

/** NOT_FOUND instead of a new database where a folder was mistyped: for commands that look at what is there. */
export const requireData = ({ data, eventStore }: Pick<Settings, "data" | "eventStore">): void => {
  if (!/^sqlite:/i.test(eventStore) || existsSync(sqlitePath(eventStore))) return;
  throw new MillraceError("NOT_FOUND", `there is no Millrace data in ${data}; name it with --data`);
};
