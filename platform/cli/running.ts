import type { Logger } from "pino";
import type { Settings } from "../../infra/config.ts";
import { lockDirectory } from "../../infra/sqlite/lock.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { accessOf, isEmbedded, startOwnWarehouse } from "../own-warehouse.ts";

/**
 * The warehouse for a command beside or without a running platform: the one that runs (told by its ready
 * endpoint; it lets a command read, as it lets people), or, when nothing runs on this data, one started for the time
 * of the command.
 */
export const runningWarehouse = async (
  settings: Settings,
  logger: Logger,
): Promise<{ url: string; close(): Promise<void> }> => {
  if (!isEmbedded(settings)) return { url: settings.warehouse, close: async () => {} };
  try {
    const lock = lockDirectory(settings.data);
    const embedded = await startOwnWarehouse(settings, logger);
    return {
      url: embedded.url,
      close: async () => {
        await embedded.close();
        lock.release();
      },
    };
  } catch (error) {
    if (!isMillraceError(error, "DATA_LOCKED")) throw error;
    const { url, user, password } = accessOf(settings, await urlOfRunning(settings));
    return { url: url.replace("://", `://${user}:${password}@`), close: async () => {} };
  }
};

/** Base URL of the platform that runs on these settings' host and port. */
export const platformUrl = (settings: Settings): string => `http://${settings.host}:${settings.port}`;

const urlOfRunning = async (settings: Settings): Promise<string> => {
  const url = platformUrl(settings);
  try {
    const answer = (await (await fetch(`${url}/`, { headers: { accept: "application/json" } })).json()) as {
      warehouse?: string;
      urls?: { warehouse?: string };
    };
    const warehouse = answer.warehouse ?? answer.urls?.warehouse;
    if (warehouse !== undefined) return warehouse;
  } catch (error) {
    throw new MillraceError(
      "NOT_FOUND",
      `a platform has ${settings.data} open but does not answer at ${url}; give its --host and --port`,
      { cause: error },
    );
  }
  throw new MillraceError("NOT_FOUND", `${url} does not say where its warehouse is`);
};
