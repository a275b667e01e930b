import type { Logger } from "pino";
import type { Warehouse } from "../../infra/warehouse/open.ts";
import type { Engines } from "../engines.ts";
import type { RebuildProgress } from "./progress.ts";

/** What a rebuild stands on. */
export type RebuildContext = {
  engines: Engines;
  warehouse: Warehouse;
  /** Resolves when nothing else writes what is rebuilt; it stays so until the rebuild has ended. */
  hold(): Promise<void>;
  signal: AbortSignal;
  logger: Logger;
  onProgress(progress: RebuildProgress): void;
};
