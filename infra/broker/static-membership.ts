import type { Membership } from "./port.ts";

/** The share of one thread among those of the only process: every `of`-th partition, never another. */
export const staticMembership = ({ index, of }: { index: number; of: number }): Membership => ({
  subscribe: () => {},
  owns: (partition) => partition % of === index,
  revision: () => 1,
  changed: (_seen, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }),
  leave: async () => {},
});
