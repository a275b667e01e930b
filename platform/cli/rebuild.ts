import pino from "pino";
import { loadSettings, type Settings } from "../../infra/config.ts";
import { lockDirectory } from "../../infra/sqlite/lock.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { isForOneProcess } from "../one-process.ts";
import type { RebuildProgress, RebuildResult } from "../rebuild/progress.ts";
import { projectionNames, requireProjection } from "../rebuild/rebuild.ts";
import { type CliCommand, requireData, settingHelp, settingOptions, textValues } from "./command.ts";
import { rebuildAlone } from "./rebuild-alone.ts";
import { rebuildByDoor } from "./rebuild-by-door.ts";
import { shutdownSignal } from "./shutdown.ts";

export const rebuild: CliCommand = {
  help: `Usage: millrace rebuild NAME [OPTIONS]
       millrace rebuild

Builds a projection anew from the log, beside the one that is read, and lets it take over when it is complete.
A platform that runs on the data does it itself (name its --host and --port); otherwise this command does.
Without a NAME it lists the projections.

${settingHelp}`,
  options: settingOptions,
  run: async ({ values, positionals: [name] }) => {
    if (name === undefined) {
      console.log(projectionNames.join("\n"));
      return 0;
    }
    requireProjection(name);
    const settings = loadSettings(textValues(values), process.env);
    requireData(settings);
    const { records, ms } = await anyhow(name, settings, progressLine(name));
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
    const rate = Math.round((records * 1000) / Math.max(ms, 1));
    console.log(`${name}: built anew from ${records} records in ${(ms / 1000).toFixed(1)} s, ${rate}/s`);
    return 0;
  },
};

type OnProgress = (progress: RebuildProgress) => void;

const anyhow = async (name: string, settings: Settings, onProgress: OnProgress): Promise<RebuildResult> => {
  const signal = shutdownSignal();
  // Of engines that several processes share nobody can tell here whether one runs.
  if (!isForOneProcess(settings, true)) return rebuildByDoor(name, settings, onProgress, signal);
  let lock: ReturnType<typeof lockDirectory>;
  try {
    lock = lockDirectory(settings.data);
  } catch (error) {
    if (!isMillraceError(error, "DATA_LOCKED")) throw error;
    return rebuildByDoor(name, settings, onProgress, signal);
  }
  try {
    const logger = pino({ level: settings.logLevel }, pino.destination(2));
    return await rebuildAlone(name, { settings, logger, onProgress, signal });
  } finally {
    lock.release();
  }
};

/** On a terminal a line that is written over, elsewhere nothing. */
const progressLine = (name: string): OnProgress => {
  if (!process.stderr.isTTY) return () => {};
  return ({ records, share, rate }) => {
    const left = share > 0 && rate > 0 ? `, ${Math.ceil((records / share - records) / rate)} s left` : "";
    const done = `${(share * 100).toFixed(1)} %`;
    process.stderr.write(`\r\x1b[2K${name}: ${records} records, ${done}, ${Math.round(rate)}/s${left}`);
  };
};
