import type { ParseArgsConfig } from "node:util";

export type CliArguments = { values: Record<string, string | boolean | undefined>; positionals: string[] };

/** One command of the command line. `run` answers the exit code. */
export type CliCommand = {
  help: string;
  options: NonNullable<ParseArgsConfig["options"]>;
  run(args: CliArguments): Promise<number>;
};

/** Options of every command that reads settings. */
export const settingOptions = {
  data: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
  "log-level": { type: "string" },
} as const;

export const settingHelp = `  --data DIR         Directory of the embedded engines (DATA; ./data)
  --port N           Port to listen on, 0 for a free one (PORT; 4000)
  --host H           Address to listen on (HOST; 127.0.0.1)
  --log-level LEVEL  trace, debug, info, warn, error or silent (LOG_LEVEL; info)`;

export const textValues = (values: CliArguments["values"]): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, typeof value === "string" ? value : undefined]),
  );
