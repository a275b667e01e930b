import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import pino from "pino";
import { Registry } from "prom-client";
import { commandBus } from "../../commands/bus.ts";
import { type Actor, gate, localAdmin } from "../../commands/gate.ts";
import { platformChecks } from "../../commands/references.ts";
import { createServer, type ServerDeps, type ServerOptions } from "../../graphql/server.ts";
import { openArtifacts } from "../../infra/artifacts/open.ts";
import { openBroker } from "../../infra/broker/open.ts";
import { systemClock } from "../../infra/clock.ts";
import { loadSettings } from "../../infra/config.ts";
import { openEventStore } from "../../infra/event-store/open.ts";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import { openSchemaRegistry } from "../../infra/schema-registry/open.ts";
import { compileGate } from "../../ml/cel/gate.ts";
import { documentsProjection } from "../../projections/documents/projection.ts";
import { documentReader } from "../../projections/documents/reader.ts";
import { onlineFeatures } from "../../projections/online-features.ts";
import { runProjection } from "../../projections/runtime.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { router } from "../../streams/predictions/routing.ts";
import { trainingRows } from "../../training/training-rows.ts";
import { version } from "../commands/samples.ts";

export type TestServer = {
  url: string;
  deps: ServerDeps;
  close(): Promise<void>;
  /** One GraphQL request; `errors` as they came. */
  ask(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer>;
  /** As `ask`, but any error fails the test. */
  data<T = Record<string, unknown>>(query: string, variables?: object): Promise<T>;
};

export type Answer = {
  status: number;
  headers: Headers;
  data: Record<string, unknown> | null;
  errors?: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[];
};

export type TestOptions = {
  jit?: number;
  development?: boolean;
  limits?: ServerOptions["limits"];
  deps?: Partial<ServerDeps>;
};

/** Anybody whose `authorization` header is `Bearer <name>`; the local administrator without one. */
const byBearer = async ({ headers }: { headers: Record<string, unknown> }): Promise<Actor> => {
  const { authorization } = headers;
  if (authorization === undefined) return localAdmin;
  const name = /^Bearer (\w+)$/.exec(String(authorization))?.[1];
  if (name === undefined) throw new MillraceError("UNAUTHENTICATED", "expected Bearer and a name");
  return { id: name, kind: "user", admin: false };
};

/** A warehouse that is not there: tests that need it bring their own reads. */
const noWarehouse = new Proxy({} as ServerDeps["warehouse"], {
  get: () => () => Promise.reject(new MillraceError("WAREHOUSE_FAILED", "there is no warehouse in this test")),
});

/** Tests that log metrics bring a store that has a warehouse. */
const noTracking = (): ServerDeps["tracking"] => {
  const none = () => Promise.reject(new MillraceError("WAREHOUSE_FAILED", "there is no warehouse in this test"));
  return {
    logMetrics: none,
    latestMetrics: async () => new Map(),
    modelMetrics: async () => new Map(),
    metricHistory: none,
    searchRuns: none,
  };
};

/** The whole API on real embedded engines, listening; everything is gone after the test. */
export const testServer = async (t: TestContext, options: TestOptions = {}): Promise<TestServer> => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-graphql-"));
  const settings = {
    ...loadSettings({ data: directory, "log-level": "silent" }, {}),
    development: options.development ?? false,
  };
  const eventStore = await openEventStore(settings.eventStore);
  const broker = await openBroker(settings.broker);
  const onlineStore = await openOnlineStore(settings.onlineStore);
  const artifacts = await openArtifacts(settings.artifacts);
  const registry = await openSchemaRegistry(settings.schemaRegistry, eventStore);
  const members = gate(eventStore);
  const documents = documentReader({ onlineStore });
  const stopping = new AbortController();
  const projection = runProjection({
    projection: documentsProjection,
    eventStore,
    onlineStore,
    signal: stopping.signal,
  });
  await projection.caughtUp;
  const checks = platformChecks({
    eventStore,
    registry,
    broker,
    artifacts,
    planFeatureView: () => null,
    checkColumns: () => null,
    checkOutcome: () => null,
    compileGate,
    inspectModel: async () => ({
      size: 1000,
      signature: version.signature,
      columns: null,
      task: "binary",
      output: "output",
      outputIndex: 0,
    }),
  });
  const deps: ServerDeps = {
    settings,
    commands: commandBus({ eventStore, checks, gate: members, clock: systemClock }),
    gate: members,
    documents,
    warehouse: noWarehouse,
    tracking: noTracking(),
    onlineFeatures: onlineFeatures({ onlineStore, plan: () => null, clock: systemClock }),
    trainingRows: trainingRows({ eventStore, broker, registry }),
    route: (split, revision, entity) => router(split, revision)(entity),
    broker,
    registry,
    onlineStore,
    artifacts,
    eventStore,
    authenticate: byBearer,
    readiness: async () => ({ ready: true, checks: { documents: "live" } }),
    metrics: new Registry(),
    warehouseAccess: { url: "http://127.0.0.1:8123/millrace", user: "reader", password: "secret" },
    warehouseUrl: "http://reader:secret@127.0.0.1:8123/millrace",
    clock: systemClock,
    logger: pino({ level: "silent" }),
    ...options.deps,
  };
  const server = await createServer(deps, { jit: options.jit, limits: options.limits });
  t.after(async () => {
    await server.close();
    stopping.abort();
    await projection.done;
    await members.close();
    await documents.close();
    await Promise.all([registry.close(), onlineStore.close(), broker.close(), artifacts.close()]);
    await eventStore.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await server.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;

  const ask: TestServer["ask"] = async (query, variables, headers = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as Pick<Answer, "data" | "errors">;
    return { status: response.status, headers: response.headers, ...body };
  };

  return {
    url,
    deps,
    ask,
    close: () => server.close(),
    async data<T>(query: string, variables?: object) {
      const { data, errors } = await ask(query, variables);
      if (errors !== undefined) throw new Error(`${query}\n${JSON.stringify(errors, null, 2)}`);
      return data as T;
    },
  };
};
