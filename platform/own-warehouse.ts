import { join } from "node:path";
import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";
import type { Settings } from "../infra/config.ts";
import type { EngineAccess } from "../infra/engine-url.ts";
import { type EmbeddedWarehouse, startEmbeddedWarehouse } from "../infra/warehouse/embedded.ts";
import { guestPassword } from "../infra/warehouse/guest-password.ts";

/** Holds the password of user `default`; the owner's alone. */
export const warehousePasswordFile = ({ data }: Pick<Settings, "data">): string => join(data, "warehouse-password");

export const isEmbedded = ({ warehouse }: Pick<Settings, "warehouse">): boolean => warehouse.startsWith("chdb:");

/** How people and their tools reach the embedded warehouse. The password is a secret. */
export const accessOf = (settings: Pick<Settings, "data">, url: string): EngineAccess => ({
  url,
  user: "default",
  password: guestPassword(warehousePasswordFile(settings)),
});

/** Starts the embedded warehouse of these settings, with the password that people have. WAREHOUSE_FAILED, DATA_LOCKED. */
export const startOwnWarehouse = (settings: Settings, logger: Logger): Promise<EmbeddedWarehouse> =>
  startEmbeddedWarehouse({
    directory: settings.warehouse.slice("chdb:".length),
    guestPassword: guestPassword(warehousePasswordFile(settings)),
    allowedHosts: settings.allowedHosts,
    onRestart: (reason) => logger.warn({ reason }, "the embedded warehouse ended and is started again"),
  });

/** How often the child has ended unasked: a crash, or a statement that nothing else ends. */
export const countRestarts = (metrics: Registry, embedded: Pick<EmbeddedWarehouse, "restarts">): void => {
  new Counter({
    name: "millrace_warehouse_restarts_total",
    help: "Restarts of the embedded warehouse",
    registers: [metrics],
    collect() {
      this.reset();
      this.inc(embedded.restarts);
    },
  });
};
