import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CommandBus, type CommandRequest, type CommandResult, commandBus } from "../../commands/bus.ts";
import type { Checks } from "../../commands/checks.ts";
import { type Actor, gate, localAdmin } from "../../commands/gate.ts";
import type { CommandType, PayloadInput } from "../../commands/payloads.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { artifact, loaded, version } from "./samples.ts";
import { now } from "./specification.ts";

/** A directory that is gone after the test. */
export const temporaryDirectory = (t: TestContext): string => {
  const directory = mkdtempSync(join(tmpdir(), "millrace-commands-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

/** Checks that find everything in order. */
export const noChecks: Checks = {
  planFeatureView: async () => {},
  inspectModel: async () => ({
    size: 1000,
    signature: version.signature,
    columns: version.columns,
    task: "binary",
    output: "output",
    outputIndex: 0,
  }),
  findArtifact: async () => ({ size: 1000 }),
  checkDeployment: async () => {},
  registerSchema: async (_project, _topic, _schema, check) => (check ? 0 : 7),
  checkLogReadable: async () => {},
  ensureTopic: async () => {},
  checkSchemaChange: async () => {},
  checkTraining: async () => {},
  checkMonitor: async () => {},
  checkUnused: async () => {},
  checkPolicy: async () => {},
  judgePromotion: async () => [],
  checkExperiment: async () => {},
  checkRun: async () => {},
  takeExperimentName: async () => {},
  takeModelName: async () => {},
  loadDataset: async () => loaded,
  snapshotDataset: async (_project, { query, table }) => ({ digest: artifact, text: query ?? table ?? "" }),
};

export type Send = <Type extends CommandType>(
  type: Type,
  payload: PayloadInput<Type>,
  rest?: Partial<CommandRequest>,
) => Promise<CommandResult>;

export type Platform = { store: EventStore; bus: CommandBus; send: Send };

/** A bus over the real event store, with the project `shop`. */
export const platform = async (
  t: TestContext,
  options: { checks?: Checks; store?: EventStore; actor?: Actor; deadlineMs?: number; recheckMs?: number } = {},
): Promise<Platform> => {
  const store = options.store ?? sqliteEventStore(join(temporaryDirectory(t), "events.db"));
  const members = gate(store);
  t.after(async () => {
    await members.close();
    await store.close();
  });
  const { checks = noChecks, deadlineMs, recheckMs } = options;
  const bus = commandBus({ eventStore: store, checks, gate: members, clock: () => now, deadlineMs, recheckMs });
  const send: Send = (type, payload, rest = {}) =>
    bus.dispatch({ type, payload, project: "shop", actor: options.actor ?? localAdmin, ...rest });
  await send("CreateProject", { id: "shop", name: "Shop" });
  return { store, bus, send };
};

export const eventsOf = async (store: EventStore, stream: string) => {
  const found = [];
  for await (const event of store.readStream(stream)) found.push(event);
  return found;
};
