import type { Application } from "../topology.ts";

/** Tells a watchdog outside of this thread which task's step is under way. Tasks are named `<application>/<partition>`. */
export type StepWatch = {
  /** null after the step. */
  at(task: string | null): void;
  /** Tasks whose steps have held the thread too long, again and again: they stand still. */
  halted: readonly string[];
  /** Told of one that is tried again because its application has changed. */
  released(task: string): void;
};

export const unwatched: StepWatch = { at: () => {}, halted: [], released: () => {} };

type Slot = {
  application: Application;
  partition: number;
  signature: string;
  problem: string | null;
  /** Wall clock, milliseconds. */
  retryAt: number;
};

export const taskName = ({ application, partition }: Pick<Slot, "application" | "partition">): string =>
  `${application.id}/${partition}`;

/** Keeps halted tasks from being stepped for as long as their application is what it was when they were first met. */
export const haltedTasks = ({ halted, released }: StepWatch): { stands(slot: Slot): boolean } => {
  const signatures = new Map<string, string | null>(halted.map((task) => [task, null]));
  return {
    stands: (slot) => {
      if (signatures.size === 0) return false;
      const name = taskName(slot);
      const signature = signatures.get(name);
      if (signature === undefined) return false;
      if (signature !== null && signature !== slot.signature) {
        signatures.delete(name);
        slot.problem = null;
        slot.retryAt = 0;
        released(name);
        return false;
      }
      signatures.set(name, slot.signature);
      slot.retryAt = Number.POSITIVE_INFINITY;
      slot.problem = "its steps have held the thread too long; it stands still until its application is changed";
      return true;
    },
  };
};
