import { readFileSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import { MillraceError } from "../../schemas/errors.ts";
import type { Engine } from "./engine.ts";
import { logFile } from "./home.ts";
import { withLock } from "./lock.ts";
import { isRunning, startProcess, stopProcess } from "./processes.ts";
import { emptyFolder, forgetState, readState, removeFolder, type State, writeState } from "./state.ts";

const readyMs = 120_000;
const pollMs = 50;

/**
 * Starts the engine and waits until it answers. One that runs is left alone; one whose process died comes up
 * again with the same data on the same ports (where that fails, `down` and `up` make it anew). ENGINE_UNAVAILABLE
 * tells the end of its log.
 */
export const bringUp = (engine: Engine, report: (text: string) => void): Promise<State> =>
  withLock(engine.name, async () => {
    const known = readState(engine.name);
    if (known !== null && (await staysUp(engine, known))) {
      report("is up already");
      return known;
    }
    if (known !== null) report("died: starts again with its data");
    const launch = known?.launch ?? (await engine.prepare(emptyFolder(engine.name)));
    const state = { launch, process: await startProcess(launch, logFile(engine.name)) };
    writeState(engine.name, state);
    try {
      await untilReady(engine, state);
    } catch (error) {
      if (known === null) forgetState(engine.name);
      throw error;
    }
    report(`is up, pid ${state.process.pid}`);
    return state;
  });

/** False for an engine that is gone, or ends while it is waited for. */
const staysUp = async (engine: Engine, state: State): Promise<boolean> => {
  if (!isRunning(state.process)) return false;
  try {
    await untilReady(engine, state);
    return true;
  } catch (error) {
    if (isRunning(state.process)) throw error;
    return false;
  }
};

/** Stops the engine and removes its data. */
export const takeDown = (engine: Engine, report: (text: string) => void): Promise<void> =>
  withLock(engine.name, async () => {
    const state = readState(engine.name);
    if (state !== null) {
      await stopProcess(state.process);
      report("is down");
    }
    removeFolder(engine.name);
  });

const untilReady = async (engine: Engine, { launch, process }: State): Promise<void> => {
  const deadline = Date.now() + readyMs;
  for (;;) {
    const refusal = await engine.probe(launch).then(
      () => null,
      (error: Error) => error,
    );
    if (refusal === null) return;
    if (!isRunning(process)) throw notUp(engine.name, "ended at its start", refusal);
    if (Date.now() > deadline) {
      await stopProcess(process);
      throw notUp(engine.name, `did not answer within ${readyMs / 1000} seconds`, refusal);
    }
    await after(pollMs);
  }
};

const notUp = (name: string, what: string, cause: Error): MillraceError => {
  const log = logFile(name);
  const tail = readFileSync(log, "utf8").trimEnd().split("\n").slice(-5).join("\n");
  return new MillraceError("ENGINE_UNAVAILABLE", `${name} ${what}; the end of ${log}:\n${tail}`, { cause });
};
