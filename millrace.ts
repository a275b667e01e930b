#!/usr/bin/env node
import { parseArgs } from "node:util";
import { settingSpecs } from "./infra/config.ts";
import { exitNow } from "./infra/exit-now.ts";
import { keepFilesPrivate } from "./infra/private-data.ts";
import type { CliCommand } from "./platform/cli/command.ts";
import { explained } from "./platform/cli/failure.ts";

/** The command line: each command is loaded only when it is asked for. */
const commands: Record<string, { summary: string; load: () => Promise<CliCommand> }> = {
  start: {
    summary: "Run the platform until SIGINT or SIGTERM",
    load: async () => (await import("./platform/cli/start.ts")).start,
  },
  demo: {
    summary: "Run the platform on fresh data and stream real flights through it",
    load: async () => (await import("./platform/cli/demo.ts")).demo,
  },
  verify: {
    summary: "Compute a sample of stored predictions again from the log: none may differ",
    load: async () => (await import("./platform/cli/verify.ts")).verify,
  },
  rebuild: {
    summary: "Build a projection anew beside the running one",
    load: async () => (await import("./platform/cli/rebuild.ts")).rebuild,
  },
  "dead-letters": {
    summary: "List records that could not be used, or replay them",
    load: async () => (await import("./platform/cli/dead-letters.ts")).deadLetters,
  },
  audit: {
    summary: "Prove that no event was changed, or write the audit to a file",
    load: async () => (await import("./platform/cli/audit.ts")).audit,
  },
  doctor: {
    summary: "Check the machine, the settings and the data",
    load: async () => (await import("./platform/cli/doctor.ts")).doctor,
  },
  bench: {
    summary: "Measure stream, append, features, graphql or rebuild against a ceiling of the same run",
    load: async () => (await import("./bench/bench.ts")).bench,
  },
};

const usage = (): string => {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`);
  const settings = Object.values(settingSpecs).map(
    ({ env, flag, help }) => `  ${env.padEnd(26)}${help}${flag === undefined ? "" : ` (--${flag})`}`,
  );
  return [
    "millrace: an event-sourced, streaming ML platform",
    "",
    "Usage: millrace COMMAND [OPTIONS]; millrace COMMAND --help",
    "",
    ...lines,
    "",
    "Settings, from the environment:",
    ...settings,
  ].join("\n");
};

keepFilesPrivate();

const run = async ([name, ...args]: string[]): Promise<number> => {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(usage());
    return name === undefined ? 2 : 0;
  }
  const known = commands[name];
  if (known === undefined) {
    console.error(`millrace: no command "${name}"; there are: ${Object.keys(commands).join(", ")}`);
    return 2;
  }
  const command = await known.load();
  const options = { ...command.options, help: { type: "boolean", short: "h" } } as const;
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    console.error(`millrace ${name}: ${(error as Error).message}\n\n${command.help}`);
    return 2;
  }
  if (parsed.values.help === true) {
    console.log(command.help);
    return 0;
  }
  return command.run({
    values: parsed.values as Record<string, string | boolean | undefined>,
    positionals: parsed.positionals,
  });
};

/** A command that has ended leaves nothing to wait for: what still holds the process open hangs. */
const lingerMs = 500;

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  console.error(`millrace: ${explained(error)}`);
  process.exitCode = 1;
}
setTimeout(() => exitNow(Number(process.exitCode)), lingerMs).unref();
