import type { Engine } from "./engine.ts";
import { logFile } from "./home.ts";
import { isRunning } from "./processes.ts";
import { readState } from "./state.ts";
import { missing } from "./tools.ts";

/** `died`: it was started and its process is gone. `unavailable`: this machine lacks a program; `reason` says which. */
export type EngineStatus = { name: string } & (
  | { status: "up"; pid: number; log: string; variables: Readonly<Record<string, string>> }
  | { status: "died"; log: string }
  | { status: "down" }
  | { status: "unavailable"; reason: string }
);

export const engineStatus = ({ name, needs }: Engine): EngineStatus => {
  const state = readState(name);
  if (state !== null && isRunning(state.process)) {
    return { name, status: "up", pid: state.process.pid, log: logFile(name), variables: state.launch.variables };
  }
  if (state !== null) return { name, status: "died", log: logFile(name) };
  const lacking = needs.filter((tool) => tool.find() === undefined);
  return lacking.length === 0 ? { name, status: "down" } : { name, status: "unavailable", reason: missing(lacking) };
};

export const statusLine = (engine: EngineStatus): string =>
  `${engine.name.padEnd(10)}${engine.status.padEnd(13)}${detailOf(engine)}`.trimEnd();

const detailOf = (engine: EngineStatus): string => {
  if (engine.status === "up") return `pid ${engine.pid}  ${shown(engine.variables)}`;
  if (engine.status === "died") return `its process is gone; see ${engine.log}`;
  return engine.status === "unavailable" ? engine.reason : "";
};

const shown = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([name, value]) => `${name}=${value}`)
    .join("  ");

/** The environment variables of the engines that are up. */
export const variablesOf = (statuses: readonly EngineStatus[]): Record<string, string> =>
  Object.assign({}, ...statuses.map((engine) => (engine.status === "up" ? engine.variables : {})));
