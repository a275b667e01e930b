import { parentPort, workerData } from "node:worker_threads";
import pino from "pino";
import { openWarehouse } from "../../infra/warehouse/open.ts";
import { asMillraceError } from "../../schemas/errors.ts";
import { openEngines } from "../engines.ts";
import type { FromRebuild, RebuildData, ToRebuild } from "./in-thread.ts";
import { rebuildProjection } from "./rebuild.ts";

/** One rebuild in a thread of its own, so that the doors stay quick meanwhile. */
const { name, settings, warehouseUrl } = workerData as RebuildData;

const port = parentPort as NonNullable<typeof parentPort>;
const say = (message: FromRebuild): void => port.postMessage(message);
const stop = new AbortController();
const held = Promise.withResolvers<void>();
port.on("message", ({ type }: ToRebuild) => {
  if (type === "stop") stop.abort();
  held.resolve();
});

const engines = await openEngines(settings);
const warehouse = openWarehouse(warehouseUrl, { cluster: settings.warehouseCluster });
try {
  const result = await rebuildProjection(name, {
    engines,
    warehouse,
    hold: () => {
      say({ type: "hold" });
      return held.promise;
    },
    signal: stop.signal,
    logger: pino({ level: settings.logLevel, base: { rebuild: name } }, pino.destination(2)),
    onProgress: (progress) => say({ type: "progress", progress }),
  });
  say({ type: "done", result });
} catch (error) {
  const { code, message } = asMillraceError(error);
  say({ type: "failed", code, message });
} finally {
  await warehouse.close();
  await engines.close();
  port.close();
}
