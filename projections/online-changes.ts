import type { RecordBatch } from "../infra/broker/port.ts";
import type { Entry } from "../infra/online-store/port.ts";
import { isStateKey, parseStateKey } from "../ml/features/changelog-key.ts";

/** All features of a project begin with it in the online store. */
export const featurePrefix = (project: string): string => `feature:${project}:`;

/** Key of an entity's feature state in the online store. */
export const featureKey = (project: string, view: string, version: number, entity: string): string =>
  `${featurePrefix(project)}${view}:${version}:${entity}`;

/** Where a record lies in a batch that was read. */
type Place = { batch: RecordBatch; index: number };

/**
 * The newest state of every key seen in one changelog since the last drain. Values stay where they were read:
 * what is held is the batches, whose bytes `heldBytes` counts.
 */
export const onlineChanges = (project: string) => {
  let newest = new Map<string, Place>();
  let batches = new Set<RecordBatch>();
  let heldBytes = 0;

  return {
    get heldBytes(): number {
      return heldBytes;
    },
    add(batch: RecordBatch): void {
      const { bytes, keyStart, keyEnd } = batch;
      let isHeld = false;
      for (let index = 0; index < batch.count; index++) {
        if (!isStateKey(bytes, keyStart[index], keyEnd[index])) continue;
        newest.set(bytes.toString("latin1", keyStart[index], keyEnd[index]), { batch, index });
        isHeld = true;
      }
      if (isHeld && !batches.has(batch)) {
        batches.add(batch);
        heldBytes += bytes.length;
      }
    },
    /** The writes that bring the online store up to date, and an empty memory. */
    drain(): Entry[] {
      const entries: Entry[] = [];
      for (const { batch, index } of newest.values()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd, offsets } = batch;
        const key = parseStateKey(bytes, keyStart[index], keyEnd[index]);
        if (key === null) continue;
        entries.push({
          key: featureKey(project, key.view, key.version, key.entity),
          value: valueStart[index] < 0 ? null : bytes.subarray(valueStart[index], valueEnd[index]),
          offset: offsets[index],
        });
      }
      newest = new Map();
      batches = new Set();
      heldBytes = 0;
      return entries;
    },
  };
};
