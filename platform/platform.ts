import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { createServer, createStatusServer, drainRequestsMs } from "../graphql/server.ts";
import { killChildren } from "../infra/children.ts";
import { systemClock } from "../infra/clock.ts";
import type { RoleName, Settings } from "../infra/config.ts";
import type { EngineAccess } from "../infra/engine-url.ts";
import { privateFolder } from "../infra/private-data.ts";
import { problems } from "../infra/report.ts";
import { lockDirectoryWithin } from "../infra/sqlite/lock.ts";
import { openWarehouse } from "../infra/warehouse/open.ts";
import { warehouseReads } from "../projections/clickhouse/read/index.ts";
import { ensureTables } from "../projections/clickhouse/tables.ts";
import { documentReader } from "../projections/documents/reader.ts";
import { onlineFeatures } from "../projections/online-features.ts";
import { trackingStore } from "../projections/tracking/index.ts";
import { MillraceError } from "../schemas/errors.ts";
import { followCatalog } from "../streams/catalog.ts";
import { router } from "../streams/predictions/routing.ts";
import { viewCatalog } from "../streams/view-catalog.ts";
import { trainingRows } from "../training/training-rows.ts";
import { alertsOf } from "./alerts.ts";
import { authenticateBy, requireToken } from "./authenticate.ts";
import { type Closing, closing } from "./closing.ts";
import { openCommandBus } from "./command-bus.ts";
import { countCommands, countDenials } from "./command-metrics.ts";
import { documentsPart } from "./documents.ts";
import { projectionDoor } from "./doors/projections.ts";
import { openEngines } from "./engines.ts";
import { faultLogger, gaugeFaults } from "./history-faults.ts";
import { whileLeading } from "./leading.ts";
import { mainParts } from "./main-parts.ts";
import { isForOneProcess } from "./one-process.ts";
import { accessOf, countRestarts, isEmbedded, startOwnWarehouse } from "./own-warehouse.ts";
import { cutReporter } from "./places.ts";
import { probesOf } from "./probes.ts";
import { withThreads } from "./process-metrics.ts";
import { readinessOf } from "./readiness.ts";
import { type Rebuilder, rebuilder } from "./rebuild/rebuilder.ts";
import { dropUnfinished } from "./rebuild/shadow-table.ts";
import type { Share, RoleName as ThreadRole } from "./role.ts";
import { type RoleThread, roleThread } from "./threads.ts";
import { together } from "./together.ts";

export type Platform = {
  /** Of GraphQL and REST (of health and metrics alone without the role `api`), without a trailing slash. */
  url: string;
  /** Of the platform's own user, who may do everything: it holds a password and must not be shown. */
  warehouseUrl: string;
  /** How people reach the embedded warehouse; null where WAREHOUSE is a server, whose users are its own. */
  warehouseAccess: EngineAccess | null;
  /** Rebuilds a projection beside the running one. ILLEGAL_STATE where this process has not the role `projections`. */
  rebuild: Rebuilder["rebuild"];
  /**
   * Resolves within 15 s, when everything is drained and closed, with the names of what hung and was cut off; a second
   * call waits for the first. What was cut off may keep the process from ending by itself.
   */
  close(): Promise<readonly string[]>;
};

/** The group whose leader keeps the documents and raises alerts. */
const projectionsGroup = "millrace-projections";

/** A new project's metrics are in the tables a second or two after the first, later on a busy machine. */
const searchWaitMs = 10_000;

/** How long a start that is given up is waited for. */
const startPatienceMs = 2_000;

const threadsOf = ({ roles, streamThreads }: Settings): { role: ThreadRole; share: Share }[] => {
  const alone = { index: 0, of: 1 };
  const streams = Array.from({ length: streamThreads }, (_, index) => ({
    role: "streams" as const,
    share: { index, of: streamThreads },
  }));
  const all = [...streams, { role: "projections", share: alone } as const, { role: "training", share: alone } as const];
  return all.filter(({ role }) => roles.includes(role));
};

/**
 * Starts the roles of this process: the doors, the documents and the reactors on this thread, the others in threads of
 * their own. When the signal aborts meanwhile, what has been opened is closed again, and it rejects with CLOSED.
 */
export const startPlatform = async (settings: Settings, logger: Logger, signal?: AbortSignal): Promise<Platform> => {
  requireToken(settings);
  privateFolder(settings.data);
  const opened = closing(logger);
  const ended = new AbortController();
  const abandoned = new AbortController();
  const abandon = (): void => abandoned.abort();
  signal?.addEventListener("abort", abandon, { once: true });
  if (signal?.aborted) abandon();
  const starting = AbortSignal.any([ended.signal, abandoned.signal]);
  const opening = openPlatform({ settings, logger, opened, starting, ended });
  try {
    return await Promise.race([opening, givenUp(abandoned.signal)]);
  } catch (error) {
    ended.abort();
    opening.catch(() => {});
    await opened.close();
    throw abandoned.signal.aborted
      ? new MillraceError("CLOSED", "stopped while it was starting", { cause: error })
      : error;
  } finally {
    signal?.removeEventListener("abort", abandon);
  }
};

/** An engine that is being opened may not answer for long, or at all: it is waited for a moment only. */
const givenUp = async (signal: AbortSignal): Promise<never> => {
  if (!signal.aborted) await once(signal, "abort");
  await sleep(startPatienceMs);
  throw new MillraceError("CLOSED", "an engine that was being opened has not answered");
};

type Opening = {
  settings: Settings;
  logger: Logger;
  opened: Closing;
  /** Aborted when the start is given up. */
  starting: AbortSignal;
  /** Ends what runs on this thread. */
  ended: AbortController;
};

const openPlatform = async (start: Opening): Promise<Platform> => {
  const { settings, logger, opened, starting, ended } = start;
  const { signal } = ended;
  const has = (role: RoleName): boolean => settings.roles.includes(role);
  const { embedded, warehouse, engines } = await openStores(start);
  const warehouseUrl = embedded?.url ?? settings.warehouse;
  const warehouseAccess = embedded === null ? null : accessOf(settings, embedded.address);
  if (warehouse !== null) {
    await ensureTables(warehouse);
    if (has("projections")) await dropUnfinished(warehouse);
  }
  starting.throwIfAborted();

  const own = problems();
  const parts = mainParts({ logger, report: own.report, signal });
  opened.add({
    name: "documents, alerts and catalog",
    withinMs: 1_500,
    close: async () => {
      ended.abort();
      await parts.ended();
    },
  });
  const metrics = new Registry();
  // The default looks every 10 ms, which alone costs an idle process half a percent of a core.
  collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 100 });
  if (embedded !== null) countRestarts(metrics, embedded);
  const { commands: bus, members, close: closeBus } = openCommandBus(engines, settings, logger, warehouse);
  opened.add({ name: "commands", close: closeBus });
  const commands = countCommands(metrics, bus);
  countDenials(metrics, members);
  gaugeFaults(metrics, engines.eventStore);
  const catalog = await followCatalog(engines.eventStore, signal);
  parts.keep("catalog", catalog.done);
  starting.throwIfAborted();

  const shared = new Registry();
  const documents = documentsPart(engines, { logger, report: own.report, onCut: cutReporter(shared, logger) });
  if (has("projections")) {
    const leading = { broker: engines.broker, group: projectionsGroup, logger, signal };
    const alerts = alertsOf(engines.broker, commands.dispatch, catalog, { logger, report: own.report });
    const failed = parts.restart("documents and alerts", () =>
      whileLeading(leading, (led) => together(led, [documents.run, alerts])),
    );
    // Alone it answers no request before it can read what was written; beside others they do.
    if (has("api")) await Promise.race([documents.caughtUp, failed]);
  }
  starting.throwIfAborted();
  const threads = threadsOf(settings).map((each) => roleThread({ ...each, settings, warehouseUrl }, logger));
  opened.add({ name: "threads", withinMs: 6_500, close: () => stopThreads(threads) });

  const authenticate = authenticateBy(settings);
  const { probes, close: closeProbes } = probesOf(settings, warehouse);
  opened.add({ name: "probes", close: closeProbes });
  const requestsCutOff: string[] = [];
  const status = {
    settings,
    authenticate,
    warehouseUrl: warehouseAccess?.url ?? settings.warehouse,
    warehouseAccess,
    logger,
    readiness: readinessOf(engines, warehouse, threads, own, probes),
    metrics: withThreads(metrics, shared, threads),
    onCutOff: (request: string) => void requestsCutOff.push(request),
  };
  let server: FastifyInstance;
  if (has("api") && warehouse !== null) {
    const reads = warehouseReads(warehouse);
    const reader = documentReader({ onlineStore: engines.onlineStore, asOf: reads.documentsAsOf });
    opened.add({ name: "reader of documents", close: () => reader.close() });
    server = await createServer({
      ...status,
      ...engines,
      commands,
      gate: members,
      documents: reader,
      warehouse: reads,
      tracking: trackingStore({
        ...engines,
        warehouse,
        runs: (project, ids) => reader.getMany("runs", project, ids),
        searchWaitMs,
      }),
      trainingRows: trainingRows(engines),
      route: (split, revision, entity) => router(split, revision)(entity),
      onlineFeatures: onlineFeatures({
        onlineStore: engines.onlineStore,
        clock: systemClock,
        ...viewCatalog(catalog),
      }),
      clock: systemClock,
    });
  } else {
    server = await createStatusServer(status);
  }
  opened.add({
    name: "doors",
    withinMs: drainRequestsMs + 500,
    close: async () => {
      await server.close();
      return requestsCutOff;
    },
  });
  const projections = threads.find(({ role }) => role === "projections");
  const { rebuild, close: stopRebuilds } = rebuilder({
    settings,
    warehouseUrl,
    documents: documents.rebuild,
    whileStill: projections?.whileStill ?? elsewhere,
  });
  opened.add({ name: "rebuilds", withinMs: 2_000, close: stopRebuilds });
  await server.register(projectionDoor({ gate: members, logger, rebuild }));
  starting.throwIfAborted();
  await server.listen({ host: settings.host, port: settings.port }).catch((error) => cannotListen(error, settings));
  const { port } = server.server.address() as AddressInfo;
  const host = settings.host.includes(":") ? `[${settings.host}]` : settings.host;
  return { url: `http://${host}:${port}`, warehouseUrl, warehouseAccess, rebuild, close: opened.close };
};

/** The lock on the data, the warehouse's process and the engines. */
const openStores = async ({ settings, logger, opened, starting }: Opening) => {
  const usesWarehouse = settings.roles.some((role) => role !== "streams");
  if (isForOneProcess(settings, usesWarehouse)) {
    const lock = await lockDirectoryWithin(settings.data);
    opened.add({ name: "lock", close: () => lock.release() });
  }
  starting.throwIfAborted();
  const embedded = usesWarehouse && isEmbedded(settings) ? await startOwnWarehouse(settings, logger) : null;
  if (embedded !== null) {
    opened.add({ name: "warehouse", withinMs: 2_500, close: () => embedded.close(), cut: () => void killChildren() });
  }
  starting.throwIfAborted();
  const engines = await openEngines(settings, { onFault: faultLogger(logger) });
  opened.add({ name: "engines", withinMs: 1_500, close: engines.close });
  starting.throwIfAborted();
  const warehouse = usesWarehouse
    ? openWarehouse(embedded?.url ?? settings.warehouse, { cluster: settings.warehouseCluster, signal: starting })
    : null;
  if (warehouse !== null) opened.add({ name: "connections to the warehouse", close: () => warehouse.close() });
  return { embedded, engines, warehouse };
};

/** Stops them side by side and names those that had to be ended by force. */
const stopThreads = async (threads: readonly RoleThread[]): Promise<string[]> => {
  const drained = await Promise.all(threads.map((thread) => thread.stop()));
  return threads.filter((_, i) => !drained[i]).map(({ role }) => `thread ${role}`);
};

const elsewhere = async (): Promise<never> => {
  throw new MillraceError(
    "ILLEGAL_STATE",
    "this process does not keep the projections: ask one with the role projections to rebuild",
  );
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
