import { parseArgs } from "node:util";
import { isMillraceError } from "../../schemas/errors.ts";
import type { Engine } from "./engine.ts";
import { cacheFolder, enginesHome } from "./home.ts";
import { enginesNamed, knownEngines } from "./known.ts";
import { bringUp, takeDown } from "./lifecycle.ts";
import { engineStatus, statusLine, variablesOf } from "./status.ts";
import { install, missing } from "./tools.ts";

const help = `Usage: npm run engines -- up|down|status [NAME...] [OPTIONS]

Runs the services that Millrace can use on this machine, without docker, for tests. No name means all of them.

${knownEngines.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join("\n")}

  up          Starts what is not running and waits until it answers. What died comes up again with its data.
  down        Stops them and removes their data; downloads stay.
  status      Says what runs, and what this machine lacks for the rest.

  --install   up: as root on Debian, install missing programs by apt-get
  --env       Print what clients must know as lines of "export NAME='value'"
  --json      Print one JSON object: the engines and the variables
  -h, --help  This text

Data and logs: ${enginesHome()} (ENGINES_HOME)
Downloads:     ${cacheFolder()} (XDG_CACHE_HOME)

Exits with 1 if a named engine did not start, with 2 for wrong usage.`;

const options = {
  install: { type: "boolean" },
  env: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const began = performance.now();
const progress = (engine: Engine, text: string): void => {
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.error(`[${seconds.padStart(5)} s] ${engine.name}: ${text}`);
};

/** Programs and downloads one after the other, since apt-get and maven would fight; then all starts at once. */
const up = async (engines: readonly Engine[], installs: boolean): Promise<Engine[]> => {
  const failed: Engine[] = [];
  const attempt = async (engine: Engine, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failed.push(engine);
      progress(engine, `did not start: ${(error as Error).message}`);
    }
  };
  for (const engine of engines) await attempt(engine, () => makeAvailable(engine, installs));
  const ready = engines.filter((engine) => !failed.includes(engine));
  await Promise.all(ready.map((engine) => attempt(engine, () => bringUp(engine, (text) => progress(engine, text)))));
  return failed;
};

const makeAvailable = async (engine: Engine, installs: boolean): Promise<void> => {
  const lacking = engine.needs.filter((tool) => tool.find() === undefined);
  if (lacking.length > 0 && !installs) throw new Error(missing(lacking));
  if (lacking.length > 0) {
    progress(engine, `installs ${lacking.map(({ debian }) => debian).join(", ")}`);
    install(lacking);
  }
  await engine.fetch(() => progress(engine, "downloads what it runs from, once"));
};

const down = async (engines: readonly Engine[]): Promise<void> => {
  await Promise.all(engines.map((engine) => takeDown(engine, (text) => progress(engine, text))));
};

const print = (engines: readonly Engine[], form: { json?: boolean; env?: boolean }): void => {
  const statuses = engines.map(engineStatus);
  const variables = variablesOf(statuses);
  if (form.json) console.log(JSON.stringify({ engines: statuses, variables }, null, 2));
  else if (form.env) for (const [name, value] of Object.entries(variables)) console.log(`export ${name}='${value}'`);
  else for (const status of statuses) console.log(statusLine(status));
};

const run = async (args: string[]): Promise<number> => {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [command, ...names] = positionals;
  if (values.help || command === undefined || !["up", "down", "status"].includes(command)) {
    (values.help ? console.log : console.error)(help);
    return values.help ? 0 : 2;
  }
  const engines = enginesNamed(names);
  const failed = command === "up" ? await up(engines, values.install ?? false) : [];
  if (command === "down") await down(engines);
  else print(engines, values);
  return failed.length > 0 && names.length > 0 ? 1 : 0;
};

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const usage = isMillraceError(error, "NOT_FOUND") || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  console.error(`engines: ${(error as Error).message}`);
  process.exitCode = usage ? 2 : 1;
}
