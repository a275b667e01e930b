import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Launch } from "./engine.ts";
import { engineFolder } from "./home.ts";
import type { ProcessId } from "./processes.ts";

/** What `up` leaves behind for later commands: how the engine was started, and as which process. */
export type State = { launch: Launch; process: ProcessId };

const fileOf = (name: string): string => join(engineFolder(name), "state.json");

/** Null for an engine that was never started, or whose start did not get that far. */
export const readState = (name: string): State | null => {
  try {
    return JSON.parse(readFileSync(fileOf(name), "utf8")) as State;
  } catch {
    return null;
  }
};

export const writeState = (name: string, state: State): void => {
  writeFileSync(`${fileOf(name)}.new`, JSON.stringify(state, null, 2));
  renameSync(`${fileOf(name)}.new`, fileOf(name));
};

/** The next `up` makes the engine anew; its folder stays to be looked at. */
export const forgetState = (name: string): void => rmSync(fileOf(name), { force: true });

export const emptyFolder = (name: string): string => {
  removeFolder(name);
  mkdirSync(engineFolder(name), { recursive: true });
  return engineFolder(name);
};

export const removeFolder = (name: string): void => rmSync(engineFolder(name), { recursive: true, force: true });
