import type { LabelledRows } from "./rows.ts";

/** Rows that wait for their outcome, by business key. The rules are those of the live join (`streams/outcomes`). */
export type WaitingRows = {
  add(key: string, row: number): void;
  /**
   * The first outcome of a key labels every row of that key which is within the horizon of both the outcome and the
   * watermark; other rows of the key are forgotten.
   */
  meet(key: string, outcomeTime: number, watermark: number, value: number): void;
  /** Forgets rows that no outcome can meet any more. */
  expire(watermark: number): void;
};

export const waitingRows = (rows: LabelledRows, horizonMs: number): WaitingRows => {
  /** In the order in which the keys' oldest rows came. */
  const byKey = new Map<string, number[]>();
  return {
    add: (key, row) => {
      const held = byKey.get(key);
      if (held === undefined) byKey.set(key, [row]);
      else held.push(row);
    },
    meet: (key, outcomeTime, watermark, value) => {
      const held = byKey.get(key);
      if (held === undefined) return;
      byKey.delete(key);
      for (const row of held) {
        const time = rows.time(row);
        if (outcomeTime - time <= horizonMs && time >= watermark - horizonMs) rows.label(row, value);
      }
    },
    expire: (watermark) => {
      for (const [key, held] of byKey) {
        if (rows.time(held[held.length - 1]) >= watermark - horizonMs) return;
        byKey.delete(key);
      }
    },
  };
};
