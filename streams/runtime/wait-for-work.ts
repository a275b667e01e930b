import { isDry } from "./input.ts";
import type { TaskEnvironment } from "./open-task.ts";
import type { Slot } from "./slots.ts";

/** How long a thread with nothing to do sleeps unless it is woken. Windows of silent partitions are judged by then. */
const idleMs = 5_000;

/**
 * Sleeps until an input that ran dry has records, there is something to be judged, something has changed, or a waiting
 * task's patience ends. Answers false where the tasks would find nothing.
 */
export const waitForWork = async (
  { broker, clock, maxTaskIdleMs }: TaskEnvironment,
  slots: readonly Slot[],
  judged: ReadonlyMap<string, number>,
  changes: readonly ((wake: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<boolean> => {
  const from = new Map(judged);
  let holding = false;
  for (const { task, partition } of slots) {
    if (task === null) continue;
    for (const one of task.parts.inputs) {
      if (isDry(one)) from.set(`${one.input.topic}/${partition}`, one.position);
      else holding = true;
    }
  }
  const wake = new AbortController();
  const stop = (): void => wake.abort();
  signal.addEventListener("abort", stop, { once: true });
  for (const changed of changes) void changed(wake.signal).then(stop);
  const partitions = [...from.keys()].map((key) => {
    const slash = key.lastIndexOf("/");
    return { topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)) };
  });
  const due = slots.filter(({ task }) => task === null).map(({ retryAt }) => retryAt - clock());
  const patience = Math.min(idleMs, ...due, ...(holding ? [Math.min(50, maxTaskIdleMs)] : []));
  const reader = broker.reader({ partitions, from });
  try {
    return (await reader.wait(Math.max(5, patience), wake.signal)) || patience < idleMs;
  } finally {
    signal.removeEventListener("abort", stop);
    wake.abort();
    await reader.close();
  }
};
