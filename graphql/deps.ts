import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { CommandRequest, CommandResult } from "../commands/bus.ts";
import type { Actor, Gate } from "../commands/gate.ts";
import type { Artifacts } from "../infra/artifacts/port.ts";
import type { Broker } from "../infra/broker/port.ts";
import type { Clock } from "../infra/clock.ts";
import type { Settings } from "../infra/config.ts";
import type { EngineAccess } from "../infra/engine-url.ts";
import type { EventStore } from "../infra/event-store/port.ts";
import type { OnlineStore } from "../infra/online-store/port.ts";
import type { SchemaRegistry } from "../infra/schema-registry/port.ts";
import type { Documents } from "../projections/documents/types.ts";
import type { onlineFeatures } from "../projections/online-features.ts";
import type { TrackingStore } from "../projections/tracking/index.ts";
import type { TrafficSplit } from "../schemas/lifecycle/deployment.ts";
import type { Lineage } from "../schemas/lifecycle/model.ts";
import type { TrainingSpec } from "../schemas/lifecycle/training-job.ts";
import type { WarehouseReads } from "./warehouse-reads.ts";

/** What a request says about who sends it: HTTP headers, or the payload of a WebSocket's `connection_init`. */
export type Credentials = { headers: Readonly<Record<string, string | string[] | undefined>> };

/** Whose rows are asked for: the job's specification, the version's lineage, and when the views may have been read. */
export type TrainedVersion = {
  project: string;
  spec: TrainingSpec;
  lineage: Pick<Lineage, "positions" | "views">;
  plannedAt: readonly number[];
};

export type TrainingRowsPage = { first: number; after?: { partition: number; offset: number } };

/** `time` is the trigger's event time, UTC milliseconds; the place is the trigger's in the log. */
export type TrainingRowNode = {
  key: string;
  time: number;
  topic: string;
  partition: number;
  offset: number;
  label: number;
};

export type TrainingRowsAnswer = { rows: TrainingRowNode[]; hasNext: boolean };

/** Everything that the doors stand on. The composition root fills it; the tests do, too. */
export type ServerDeps = {
  settings: Settings;
  commands: { dispatch(request: CommandRequest): Promise<CommandResult> };
  gate: Gate;
  documents: Documents;
  warehouse: WarehouseReads;
  onlineFeatures: ReturnType<typeof onlineFeatures>;
  /** Metrics of runs, and the search over runs. */
  tracking: TrackingStore;
  /** Index in the split of the version that answers an entity at a deployment's revision: what the streams do. */
  route(split: TrafficSplit, revision: number, entity: string): number;
  /** The rows that a version was trained on, out of the log by partition and offset. ILLEGAL_STATE, TRAINING_FAILED. */
  trainingRows: { page(version: TrainedVersion, page: TrainingRowsPage): Promise<TrainingRowsAnswer> };
  broker: Broker;
  registry: SchemaRegistry;
  onlineStore: OnlineStore;
  artifacts: Artifacts;
  eventStore: EventStore;
  /** UNAUTHENTICATED when no actor can be established. */
  authenticate(credentials: Credentials): Promise<Actor>;
  readiness(): Promise<{ ready: boolean; checks: Record<string, string>; notes?: Record<string, string> }>;
  metrics: Registry;
  /** Where ClickHouse clients may connect; told at `GET /` without a password. */
  warehouseUrl: string;
  /** As whom they do; told at `GET /status` to administrators. null where this process has no embedded one. */
  warehouseAccess: EngineAccess | null;
  clock: Clock;
  logger: Logger;
  /** Told of a request, by method and path, that did not end in time when the server was closed. */
  onCutOff?: (request: string) => void;
};
