import type { OnlineStore } from "../../infra/online-store/port.ts";
import type { Target } from "./collections.ts";
import { documentKey } from "./keys.ts";
import type { CollectionName, DocumentBase } from "./types.ts";

/** A document in the fold's memory: as it was last written, and as the events of the batch have made it. */
export type Slot = {
  key: string;
  collection: CollectionName;
  home: string;
  id: string;
  written: DocumentBase | null;
  document: DocumentBase | null;
};

/**
 * The documents that were touched lately, at most twice `capacity` of them and those of the batch in hand: a
 * young and an old half, so that neither a touch nor an eviction costs more than a look-up. What is not here
 * is read in one call a batch.
 */
export const slotCache = (onlineStore: OnlineStore, generation: number, capacity: number) => {
  let young = new Map<string, Slot>();
  let old = new Map<string, Slot>();

  const known = (key: string): Slot | undefined => {
    const slot = young.get(key);
    if (slot !== undefined) return slot;
    const kept = old.get(key);
    if (kept !== undefined) young.set(key, kept);
    return kept;
  };

  return {
    /** The slot of each target. */
    async load(targets: Iterable<Target>): Promise<Map<Target, Slot>> {
      const absent: Slot[] = [];
      const slots = new Map<Target, Slot>();
      for (const target of targets) {
        const { collection, home, id } = target;
        const key = documentKey(generation, collection, home, id);
        const found = known(key);
        const slot: Slot = found ?? { key, collection, home, id, written: null, document: null };
        slots.set(target, slot);
        if (found !== undefined) continue;
        young.set(key, slot);
        absent.push(slot);
      }
      if (absent.length > 0) {
        const values = await onlineStore.mget(absent.map(({ key }) => key));
        for (const [i, value] of values.entries()) {
          if (value === null) continue;
          absent[i].written = JSON.parse(value.toString()) as DocumentBase;
          absent[i].document = absent[i].written;
        }
      }
      return slots;
    },
    /** Called between batches. */
    evict(): void {
      if (young.size <= capacity) return;
      old = young;
      young = new Map();
    },
  };
};
