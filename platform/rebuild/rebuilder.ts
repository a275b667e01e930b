import type { Settings } from "../../infra/config.ts";
import type { RunningProjection } from "../../projections/runtime.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { rebuildInThread, type WhileStill } from "./in-thread.ts";
import type { RebuildProgress, RebuildResult } from "./progress.ts";
import { requireProjection } from "./rebuild.ts";

/** Rebuilds of a running platform. */
export type Rebuilder = {
  /** NOT_FOUND for an unknown name, ILLEGAL_STATE while the same projection is being rebuilt. */
  rebuild(name: string, onProgress: (progress: RebuildProgress) => void): Promise<RebuildResult>;
  /** Stops what runs, which changes nothing, and resolves when it has stopped. */
  close(): Promise<void>;
};

export type RebuilderOptions = {
  settings: Settings;
  warehouseUrl: string;
  documents: RunningProjection["rebuild"];
  whileStill: WhileStill;
};

export const rebuilder = ({ settings, warehouseUrl, documents, whileStill }: RebuilderOptions): Rebuilder => {
  const running = new Map<string, Promise<RebuildResult>>();
  const closing = new AbortController();
  const { signal } = closing;
  /** The documents' own runtime keeps its build for the next start: only the wait for it ends here. */
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});

  const start = (name: string, onProgress: (progress: RebuildProgress) => void): Promise<RebuildResult> =>
    name === "documents"
      ? Promise.race([rebuildDocuments(documents, onProgress), closed.promise])
      : rebuildInThread({ name, settings, warehouseUrl }, { whileStill, signal, onProgress });

  return {
    async rebuild(name, onProgress) {
      requireProjection(name);
      if (signal.aborted) throw new MillraceError("CLOSED", "the platform is shutting down");
      if (running.has(name)) throw new MillraceError("ILLEGAL_STATE", `${name} is being rebuilt at this moment`);
      const work = start(name, onProgress).finally(() => running.delete(name));
      running.set(name, work);
      return work;
    },
    async close() {
      closing.abort();
      closed.reject(
        new MillraceError("CLOSED", "the platform is shutting down; documents go on being built at its next start"),
      );
      await Promise.allSettled(running.values());
    },
  };
};

/** Positions grow with the log, so that they tell the share. */
export const rebuildDocuments = async (
  rebuild: RunningProjection["rebuild"],
  onProgress: (progress: RebuildProgress) => void,
): Promise<RebuildResult> => {
  const { events, ms } = await rebuild(({ events, rate, position, head }) =>
    onProgress({ records: events, rate, share: head === "0" ? 1 : Math.min(1, Number(position) / Number(head)) }),
  );
  return { name: "documents", records: events, ms };
};
