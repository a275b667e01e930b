import { encodeJournal } from "../../schemas/journal.ts";

/** Collects the order in which one batch takes its records. */
export type JournalRuns = {
  /** `taken` is false for a record that became a dead letter undecoded. */
  add(input: number, taken: boolean): void;
  readonly empty: boolean;
  encode(inputs: { topic: string; offset: number }[]): Buffer;
  reset(): void;
};

export const journalRuns = (): JournalRuns => {
  let runs: number[] = [];
  return {
    add: (input, taken) => {
      const step = taken ? 1 : -1;
      const last = runs.length - 2;
      if (last >= 0 && runs[last] === input && runs[last + 1] > 0 === taken) runs[last + 1] += step;
      else runs.push(input, step);
    },
    get empty() {
      return runs.length === 0;
    },
    encode: (inputs) => encodeJournal({ inputs, runs }),
    reset: () => {
      runs = [];
    },
  };
};
