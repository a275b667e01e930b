import { parentPort, workerData } from "node:worker_threads";
import pino from "pino";
import { Registry } from "prom-client";
import type { Settings } from "../infra/config.ts";
import { openEngines } from "./engines.ts";
import type { Role, RoleName } from "./role.ts";
import type { FromThread, ToThread } from "./threads.ts";

/** A role in a thread of its own: ports of its own, told to stop and asked for its metrics by messages. */
const { role, settings, warehouseUrl } = workerData as { role: RoleName; settings: Settings; warehouseUrl: string };

const loaders: Record<RoleName, () => Promise<Role>> = {
  streams: async () => (await import("./roles/streams.ts")).streamsRole,
  projections: async () => (await import("./roles/projections.ts")).projectionsRole,
  training: async () => (await import("./roles/training.ts")).trainingRole,
};

const port = parentPort as NonNullable<typeof parentPort>;
const say = (message: FromThread): void => port.postMessage(message);
const stop = new AbortController();
const metrics = new Registry();
const logger = pino({ level: settings.logLevel, base: { role } });

port.on("message", (message: ToThread) => {
  if (message.type === "stop") stop.abort();
  else void metrics.metrics().then((text) => say({ type: "metrics", id: message.id, text }));
});

const engines = await openEngines(settings);
try {
  const run = await loaders[role]();
  await run({ engines, settings, warehouseUrl, metrics, logger, signal: stop.signal });
} finally {
  await engines.close();
  port.close();
}
