import { setTimeout as sleep } from "node:timers/promises";
import type { Problems } from "../infra/report.ts";
import type { Warehouse } from "../infra/warehouse/open.ts";
import type { Engines } from "./engines.ts";
import type { Probe } from "./probes.ts";
import type { RoleThread } from "./threads.ts";

/** `notes`: what does not keep the platform from its work, but should be known. */
export type Readiness = { ready: boolean; checks: Record<string, string>; notes: Record<string, string> };

const patienceMs = 2_000;

const pinged = async ({ client }: Warehouse): Promise<void> => {
  const { success } = await client.ping();
  if (!success) throw new Error("does not answer");
};

/**
 * Asks every engine that this process uses, has those that are written to do a write, looks at its threads, and adds what the threads and the main thread's own
 * parts have reported. `warehouse` is null where it uses none.
 */
export const readinessOf =
  (
    { eventStore, broker, onlineStore }: Engines,
    warehouse: Warehouse | null,
    threads: readonly RoleThread[],
    own: Pick<Problems, "current">,
    probes: Readonly<Record<string, Probe>>,
  ) =>
  async (): Promise<Readiness> => {
    const checks: Record<string, string> = {};
    const check = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
      const late = new AbortController();
      const patience = sleep(patienceMs, `did not answer within ${patienceMs} ms`, late).catch(() => "");
      const answer = ask().then(
        () => "ok",
        (error: Error) => error.message,
      );
      checks[name] = await Promise.race([answer, patience]);
      late.abort();
    };
    await Promise.all([
      check("eventStore", () => eventStore.head()),
      // Offsets are never cached, as topics may be.
      check("broker", () => broker.committed("readiness")),
      check("onlineStore", () => onlineStore.get("readiness")),
      ...(warehouse === null ? [] : [check("warehouse", () => pinged(warehouse))]),
    ]);
    await Promise.all(
      Object.entries(probes).map(async ([name, probe]) => {
        // What does not answer is not asked for more.
        if ((checks[name] ?? "ok") === "ok") checks[name] = await probe();
      }),
    );
    for (const { role, trouble } of threads) {
      const wrong = trouble();
      if (wrong !== null || checks[role] === undefined) checks[role] = wrong ?? "ok";
    }
    for (const reported of [own.current(), ...threads.map((thread) => thread.problems())]) {
      for (const [part, problem] of reported) if ((checks[part] ?? "ok") === "ok") checks[part] = problem;
    }
    const notes = Object.fromEntries(threads.flatMap((thread) => [...thread.notes()]));
    return { ready: Object.values(checks).every((state) => state === "ok"), checks, notes };
  };
