import { homedir, tmpdir, userInfo } from "node:os";
import { join } from "node:path";

/** Where downloads are kept: they outlive `down`. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "millrace-engines");

/** Where the engines' data, logs and states are: ENGINES_HOME, or one folder a user. */
export const enginesHome = (): string =>
  process.env.ENGINES_HOME || join(tmpdir(), `millrace-engines-${userInfo().uid}`);

export const engineFolder = (name: string): string => join(enginesHome(), name);
export const logFile = (name: string): string => join(engineFolder(name), "engine.log");
