import type { Position } from "../../infra/event-store/port.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { type CollectionName, collectionNames, type DocumentBase } from "../../projections/documents/types.ts";
import type { RunningProjection } from "../../projections/runtime.ts";
import { runProjection } from "../../projections/runtime.ts";
import type { Fact, Stores } from "./stores.ts";

export type RunningDocuments = RunningProjection & { stop(): Promise<void> };

export const runDocuments = (
  { eventStore, onlineStore }: Stores,
  options: { maxEvents?: number; version?: number; onPosition?: (position: Position) => void } = {},
): RunningDocuments => {
  const stopping = new AbortController();
  const { version = documentsProjection.version, ...rest } = options;
  const projection = { ...documentsProjection, version };
  const running = runProjection({ projection, eventStore, onlineStore, signal: stopping.signal, ...rest });
  return {
    ...running,
    async stop() {
      stopping.abort();
      await running.done;
    },
  };
};

/** Every document as the online store has it, with its place in each order. */
export const snapshotOf = async (
  { onlineStore }: Stores,
  projects: readonly string[],
): Promise<Record<string, DocumentBase[]>> => {
  const reader = documentReader({ onlineStore });
  const snapshot: Record<string, DocumentBase[]> = {};
  for (const project of projects) {
    for (const collection of collectionNames) {
      for (const order of ["name", "created", "updated"] as const) {
        const page = await reader.list(collection as CollectionName, project, { first: 1000, order });
        snapshot[`${project}/${collection}/${order}`] = page.items.map(({ node }) => node);
      }
    }
  }
  await reader.close();
  return snapshot;
};

export const projectsOf = (facts: readonly Fact[]): string[] => [...new Set(facts.map(({ project }) => project))];

/** Resolves when the condition holds; rejects after ten seconds. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error("the awaited condition did not come to hold within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
