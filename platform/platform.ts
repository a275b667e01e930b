import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { AggregatorRegistry, collectDefaultMetrics, Registry } from "prom-client";
import { runAlertReactor } from "../commands/reactors/alerts.ts";
import { createServer } from "../graphql/server.ts";
import { systemClock } from "../infra/clock.ts";
import type { Settings } from "../infra/config.ts";
import { lockDirectory } from "../infra/sqlite/lock.ts";
import { startEmbeddedWarehouse } from "../infra/warehouse/embedded.ts";
import { openWarehouse } from "../infra/warehouse/open.ts";
import { warehouseReads } from "../projections/clickhouse/read/index.ts";
import { ensureTables } from "../projections/clickhouse/tables.ts";
import { documentsProjection } from "../projections/documents/projection.ts";
import { documentReader } from "../projections/documents/reader.ts";
import { onlineFeatures } from "../projections/online-features.ts";
import { runProjection } from "../projections/runtime.ts";
import { avroType } from "../schemas/codec.ts";
import { MillraceError } from "../schemas/errors.ts";
import { driftSchema } from "../schemas/topics.ts";
import { followCatalog } from "../streams/catalog.ts";
import { viewCatalog } from "../streams/view-catalog.ts";
import { authenticateBy, requireToken } from "./authenticate.ts";
import { openCommandBus } from "./command-bus.ts";
import { countCommands, countDenials } from "./command-metrics.ts";
import { projectionDoor } from "./doors/projections.ts";
import { openEngines } from "./engines.ts";
import { type Rebuilder, rebuilder } from "./rebuild/rebuilder.ts";
import { dropUnfinished } from "./rebuild/shadow-table.ts";
import type { RoleName, Share } from "./role.ts";
import { type RoleThread, roleThread } from "./threads.ts";

export type Platform = {
  /** Of GraphQL and REST, without a trailing slash. */
  url: string;
  warehouseUrl: string;
  /** Rebuilds a projection beside the running one. */
  rebuild: Rebuilder["rebuild"];
  /** Resolves when everything is drained and closed; a second call waits for the first. */
  close(): Promise<void>;
};

const sharesOf = (settings: Settings): { role: RoleName; share: Share }[] => [
  ...Array.from({ length: settings.streamThreads }, (_, index) => ({
    role: "streams" as const,
    share: { index, of: settings.streamThreads },
  })),
  { role: "projections", share: { index: 0, of: 1 } },
  { role: "training", share: { index: 0, of: 1 } },
];

/** Starts all roles: the doors, the documents and the reactors on this thread, the others in threads of their own. */
export const startPlatform = async (settings: Settings, logger: Logger): Promise<Platform> => {
  requireToken(settings);
  mkdirSync(settings.data, { recursive: true });
  const closers: (() => Promise<void> | void)[] = [];
  const closing = new AbortController();
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      for (const step of closers.reverse()) {
        await Promise.resolve()
          .then(step)
          .catch((error: unknown) => logger.error({ err: error }, "closing"));
      }
    })();
    return closed;
  };
  try {
    const lock = lockDirectory(settings.data);
    closers.push(() => lock.release());
    const warehouseUrl = await warehouseAt(settings, logger, closers);
    const engines = await openEngines(settings);
    closers.push(engines.close);
    const warehouse = openWarehouse(warehouseUrl);
    closers.push(() => warehouse.close());
    await ensureTables(warehouse);
    await dropUnfinished(warehouse);

    const background: Promise<void>[] = [];
    closers.push(async () => {
      closing.abort();
      await Promise.allSettled(background);
    });
    const keep = (name: string, work: Promise<void>): void => {
      background.push(work);
      work.catch((error: unknown) => {
        if (!closing.signal.aborted) logger.fatal({ err: error, part: name }, "a part of the platform ended");
      });
    };
    const { eventStore, broker, onlineStore, registry, artifacts } = engines;
    const documents = runProjection({
      projection: documentsProjection,
      eventStore,
      onlineStore,
      signal: closing.signal,
    });
    keep("documents", documents.done);
    await documents.caughtUp;
    const catalog = await followCatalog(eventStore, closing.signal);
    keep("catalog", catalog.done);
    const plans = viewCatalog(catalog);
    const metrics = new Registry();
    collectDefaultMetrics({ register: metrics });
    const { commands: bus, members } = openCommandBus(engines, settings, logger);
    closers.push(() => members.close());
    const commands = countCommands(metrics, bus);
    countDenials(metrics, members);
    const drift = avroType(driftSchema);
    keep(
      "alerts",
      runAlertReactor({
        broker,
        dispatch: commands.dispatch,
        projects: () => [...catalog.current().projects],
        decode: (value) => drift.fromBuffer(value.subarray(5)),
        signal: closing.signal,
        logger,
      }),
    );

    const threads = sharesOf(settings).map((each) => roleThread({ ...each, settings, warehouseUrl }, logger));
    closers.push(async () => {
      await Promise.all(threads.map((thread) => thread.stop()));
    });
    const reads = warehouseReads(warehouse);
    const reader = documentReader({ onlineStore, asOf: reads.documentsAsOf });
    closers.push(() => reader.close());
    const authenticate = authenticateBy(settings);
    const server = await createServer({
      settings,
      commands,
      gate: members,
      documents: reader,
      warehouse: reads,
      onlineFeatures: onlineFeatures({ onlineStore, clock: systemClock, ...plans }),
      broker,
      registry,
      onlineStore,
      artifacts,
      eventStore,
      authenticate,
      readiness: () => readiness(engines, warehouse, threads),
      metrics: withThreads(metrics, threads),
      warehouseUrl,
      clock: systemClock,
      logger,
    });
    closers.push(() => server.close());
    const projections = threads.find(({ role }) => role === "projections") as RoleThread;
    const { rebuild, close: stopRebuilds } = rebuilder({
      settings,
      warehouseUrl,
      documents: documents.rebuild,
      whileStill: projections.whileStill,
    });
    closers.push(stopRebuilds);
    await server.register(projectionDoor({ authenticate, gate: members, logger, rebuild }));
    await server.listen({ host: settings.host, port: settings.port }).catch((error) => cannotListen(error, settings));
    const { port } = server.server.address() as AddressInfo;
    const host = settings.host.includes(":") ? `[${settings.host}]` : settings.host;
    return { url: `http://${host}:${port}`, warehouseUrl, rebuild, close };
  } catch (error) {
    closing.abort();
    await close();
    throw error;
  }
};

const cannotListen = (error: NodeJS.ErrnoException, { host, port }: Settings): never => {
  const reasons: Record<string, string> = {
    EADDRINUSE: "it is in use: stop what listens there, or choose another port (0 for a free one)",
    EADDRNOTAVAIL: "this machine has no such address: choose another host",
    ENOTFOUND: "no such host is known: choose another",
    EACCES: "this user may not: choose a port above 1023",
  };
  const reason = reasons[error.code ?? ""];
  if (reason === undefined) throw error;
  throw new MillraceError("INVALID_SETTING", `cannot listen on ${host} port ${port}: ${reason}`, { cause: error });
};

const warehouseAt = async (
  settings: Settings,
  logger: Logger,
  closers: (() => Promise<void> | void)[],
): Promise<string> => {
  if (!settings.warehouse.startsWith("chdb:")) return settings.warehouse;
  const embedded = await startEmbeddedWarehouse({
    directory: settings.warehouse.slice("chdb:".length),
    onRestart: (reason) => logger.warn({ reason }, "the embedded warehouse ended and is started again"),
  });
  closers.push(() => embedded.close());
  return embedded.url;
};

const readiness = async (
  { eventStore, broker }: Awaited<ReturnType<typeof openEngines>>,
  warehouse: ReturnType<typeof openWarehouse>,
  threads: readonly RoleThread[],
): Promise<{ ready: boolean; checks: Record<string, string> }> => {
  const checks: Record<string, string> = {};
  const check = async (name: string, ask: () => Promise<unknown>): Promise<void> => {
    checks[name] = await ask().then(
      () => "ok",
      (error: Error) => error.message,
    );
  };
  await check("eventStore", () => eventStore.head());
  await check("broker", () => broker.topics());
  await check("warehouse", async () => {
    const { success } = await warehouse.client.ping();
    if (!success) throw new Error("does not answer");
  });
  for (const { role, running } of threads) {
    if (!running()) checks[role] = "is being started again";
    else checks[role] ??= "ok";
  }
  return { ready: Object.values(checks).every((state) => state === "ok"), checks };
};

/** The registry, whose text then also has what the threads measure, equal threads added up. */
const withThreads = (registry: Registry, threads: readonly RoleThread[]): Registry => {
  const own = registry.metrics.bind(registry);
  registry.metrics = async () => {
    const measured = await Promise.all(threads.map((thread) => thread.metrics()));
    return [await own(), await AggregatorRegistry.aggregate(measured).metrics()].join("\n");
  };
  return registry;
};
