import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { runAlertReactor } from "../commands/reactors/alerts.ts";
import { createServer, createStatusServer } from "../graphql/server.ts";
import { systemClock } from "../infra/clock.ts";
import type { RoleName, Settings } from "../infra/config.ts";
import { problemOf, problems } from "../infra/report.ts";
import { lockDirectory } from "../infra/sqlite/lock.ts";
import { startEmbeddedWarehouse } from "../infra/warehouse/embedded.ts";
import { openWarehouse } from "../infra/warehouse/open.ts";
import { warehouseReads } from "../projections/clickhouse/read/index.ts";
import { ensureTables } from "../projections/clickhouse/tables.ts";
import { documentReader } from "../projections/documents/reader.ts";
import { onlineFeatures } from "../projections/online-features.ts";
import { trackingStore } from "../projections/tracking/index.ts";
import { avroType } from "../schemas/codec.ts";
import { MillraceError } from "../schemas/errors.ts";
import { driftSchema } from "../schemas/topics.ts";
import { type CatalogFollower, followCatalog } from "../streams/catalog.ts";
import { router } from "../streams/predictions/routing.ts";
import { viewCatalog } from "../streams/view-catalog.ts";
import { trainingRows } from "../training/training-rows.ts";
import { authenticateBy, requireToken } from "./authenticate.ts";
import { openCommandBus } from "./command-bus.ts";
import { countCommands, countDenials } from "./command-metrics.ts";
import { documentsPart } from "./documents.ts";
import { projectionDoor } from "./doors/projections.ts";
import { openEngines } from "./engines.ts";
import { whileLeading } from "./leading.ts";
import { isForOneProcess } from "./one-process.ts";
import { withThreads } from "./process-metrics.ts";
import { readinessOf } from "./readiness.ts";
import { type Rebuilder, rebuilder } from "./rebuild/rebuilder.ts";
import { dropUnfinished } from "./rebuild/shadow-table.ts";
import type { Share, RoleName as ThreadRole } from "./role.ts";
import { roleThread } from "./threads.ts";
import { together } from "./together.ts";

export type Platform = {
  /** Of GraphQL and REST (of health and metrics alone without the role `api`), without a trailing slash. */
  url: string;
  warehouseUrl: string;
  /** Rebuilds a projection beside the running one. ILLEGAL_STATE where this process has not the role `projections`. */
  rebuild: Rebuilder["rebuild"];
  /** Resolves when everything is drained and closed; a second call waits for the first. */
  close(): Promise<void>;
};

/** The group whose leader keeps the documents and raises alerts. */
const projectionsGroup = "millrace-projections";

/** A new project's metrics are in the tables a second or two after the first, later on a busy machine. */
const searchWaitMs = 10_000;

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
 * their own.
 */
export const startPlatform = async (settings: Settings, logger: Logger): Promise<Platform> => {
  requireToken(settings);
  mkdirSync(settings.data, { recursive: true });
  const closers: (() => Promise<void> | void)[] = [];
  const closing = new AbortController();
  const { signal } = closing;
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
  const has = (role: RoleName): boolean => settings.roles.includes(role);
  const usesWarehouse = settings.roles.some((role) => role !== "streams");
  try {
    if (isForOneProcess(settings, usesWarehouse)) {
      const lock = lockDirectory(settings.data);
      closers.push(() => lock.release());
    }
    const warehouseUrl = usesWarehouse ? await warehouseAt(settings, logger, closers) : settings.warehouse;
    const engines = await openEngines(settings);
    closers.push(engines.close);
    const warehouse = usesWarehouse ? openWarehouse(warehouseUrl, { cluster: settings.warehouseCluster }) : null;
    if (warehouse !== null) {
      closers.push(() => warehouse.close());
      await ensureTables(warehouse);
      if (has("projections")) await dropUnfinished(warehouse);
    }

    const own = problems();
    const background: Promise<void>[] = [];
    closers.push(async () => {
      closing.abort();
      await Promise.allSettled(background);
    });
    const keep = (name: string, work: Promise<void>): void => {
      background.push(work);
      work.catch((error: unknown) => {
        if (signal.aborted) return;
        own.report(name, problemOf(error));
        logger.fatal({ err: error, part: name }, "a part of the platform ended");
      });
    };
    const metrics = new Registry();
    // The default looks every 10 ms, which alone costs an idle process half a percent of a core.
    collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 100 });
    const { commands: bus, members } = openCommandBus(engines, settings, logger, warehouse);
    closers.push(() => members.close());
    const commands = countCommands(metrics, bus);
    countDenials(metrics, members);
    const catalog = await followCatalog(engines.eventStore, signal);
    keep("catalog", catalog.done);

    const documents = documentsPart(engines, logger);
    if (has("projections")) {
      const leading = { broker: engines.broker, group: projectionsGroup, logger, signal };
      const alerts = alertsOf(engines.broker, commands.dispatch, catalog, logger);
      keep(
        "documents and alerts",
        whileLeading(leading, (led) => together(led, [documents.run, alerts])),
      );
      // Alone it answers no request before it can read what was written; beside others they do.
      if (has("api")) await Promise.race([documents.caughtUp, ...background]);
    }
    const threads = threadsOf(settings).map((each) => roleThread({ ...each, settings, warehouseUrl }, logger));
    closers.push(async () => {
      await Promise.all(threads.map((thread) => thread.stop()));
    });

    const authenticate = authenticateBy(settings);
    const status = {
      settings,
      authenticate,
      warehouseUrl,
      logger,
      readiness: readinessOf(engines, warehouse, threads, own),
      metrics: withThreads(metrics, threads),
    };
    let server: FastifyInstance;
    if (has("api") && warehouse !== null) {
      const reads = warehouseReads(warehouse);
      const reader = documentReader({ onlineStore: engines.onlineStore, asOf: reads.documentsAsOf });
      closers.push(() => reader.close());
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
    closers.push(() => server.close());
    const projections = threads.find(({ role }) => role === "projections");
    const { rebuild, close: stopRebuilds } = rebuilder({
      settings,
      warehouseUrl,
      documents: documents.rebuild,
      whileStill: projections?.whileStill ?? elsewhere,
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

const elsewhere = async (): Promise<never> => {
  throw new MillraceError(
    "ILLEGAL_STATE",
    "this process does not keep the projections: ask one with the role projections to rebuild",
  );
};

const alertsOf = (
  broker: Parameters<typeof runAlertReactor>[0]["broker"],
  dispatch: Parameters<typeof runAlertReactor>[0]["dispatch"],
  catalog: CatalogFollower,
  logger: Logger,
) => {
  const drift = avroType(driftSchema);
  return (signal: AbortSignal): Promise<void> =>
    runAlertReactor({
      broker,
      dispatch,
      projects: () => [...catalog.current().projects],
      decode: (value) => drift.fromBuffer(value.subarray(5)),
      signal,
      logger,
    });
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
