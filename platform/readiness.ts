import type { Warehouse } from "../infra/warehouse/open.ts";
import type { Engines } from "./engines.ts";
import type { RoleThread } from "./threads.ts";

export type Readiness = { ready: boolean; checks: Record<string, string> };

/** Asks every engine that this process uses and looks at its threads. `warehouse` is null where it uses none. */
export const readinessOf =
  ({ eventStore, broker, onlineStore }: Engines, warehouse: Warehouse | null, threads: readonly RoleThread[]) =>
  async (): Promise<Readiness> => {
    const checks: Record<string, string> = {};
    const check = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
      checks[name] = await ask().then(
        () => "ok",
        (error: Error) => error.message,
      );
    };
    await check("eventStore", () => eventStore.head());
    await check("broker", () => broker.topics());
    await check("onlineStore", () => onlineStore.get("readiness"));
    if (warehouse !== null) {
      await check("warehouse", async () => {
        const { success } = await warehouse.client.ping();
        if (!success) throw new Error("does not answer");
      });
    }
    for (const { role, running } of threads) {
      if (!running()) checks[role] = "is being started again";
      else checks[role] ??= "ok";
    }
    return { ready: Object.values(checks).every((state) => state === "ok"), checks };
  };
