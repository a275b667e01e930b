import type { Broker, Writer } from "../../infra/broker/port.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import type { ViewState } from "../../ml/features/state.ts";
import { byteWriter } from "../../schemas/byte-writer.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { unreadIndex } from "../../schemas/online-keys.ts";
import { topicOf } from "../../schemas/topics.ts";
import type { Catalog } from "../catalog.ts";
import { errorMonitors } from "../drift/error-monitors.ts";
import { type TileStore, tileStore } from "../drift/tiles.ts";
import { lookupViews } from "../features/lookups.ts";
import type { UnreadRecords } from "../features/unread.ts";
import { type DeploymentStage, deploymentStage, stagePlan } from "../predictions/stage.ts";
import type { VersionLoader } from "../predictions/variant.ts";
import type { Application } from "../topology.ts";
import type { TaskMeta } from "./changelog.ts";
import type { Emitter } from "./emitter.ts";
import { type SchemaCache, type TaskInput, taskInput } from "./input.ts";
import { logsOf } from "./logs.ts";
import type { StreamsMetrics } from "./metrics.ts";
import { backfillView, restorePending, restoreState, restoreTiles } from "./restore.ts";
import { type Task, task } from "./task.ts";
import type { Waits } from "./waits.ts";

export type TaskEnvironment = {
  broker: Broker;
  schemas: SchemaCache;
  onlineStore: OnlineStore;
  versions: VersionLoader;
  emitter: Emitter;
  clock: () => number;
  maxTaskIdleMs: number;
  waits: Waits;
  maxAheadMs: number;
  maxBatchRecords: number;
  metrics: StreamsMetrics;
  isCurrent: () => Promise<boolean>;
};

/** What a task hands to the one that takes over from it when only the catalog has changed. */
export type Carried = {
  views: Map<string, ViewState>;
  /** Views to be built anew although their version is the same: see `restoreState`. */
  outdated: ReadonlySet<string>;
  tiles: TileStore;
  meta: TaskMeta;
  lastJournal: number;
  /** Topics that were made again since the checkpoint. */
  gone: ReadonlySet<string>;
  unread: UnreadRecords;
};

export const carriedOf = (old: Task): Carried => ({
  views: old.parts.views,
  outdated: new Set(),
  tiles: old.parts.tiles,
  lastJournal: old.parts.lastJournal,
  gone: old.parts.gone,
  unread: old.parts.unread,
  meta: {
    ...old.parts.checkpoint,
    watermark: old.parts.watermark,
    detectors: old.parts.errors.state(),
    pending: Object.fromEntries(old.parts.stages.map((stage) => [stage.deployment.id, stage.waitingSince()])),
  },
});

/** Opens a task where its last commit left it. */
export const openTask = async (
  environment: TaskEnvironment,
  catalog: Catalog,
  application: Application,
  partition: number,
  carried: Carried | null,
): Promise<Task> => {
  // Before anything is read: from now on nobody else writes what this task goes on from.
  const writer = await environment.broker.writer(`${application.id}-${partition}`);
  try {
    return await taskOf(environment, catalog, application, partition, carried, writer);
  } catch (error) {
    await writer.close();
    throw error;
  }
};

const taskOf = async (
  environment: TaskEnvironment,
  catalog: Catalog,
  application: Application,
  partition: number,
  carried: Carried | null,
  writer: Writer,
): Promise<Task> => {
  const { broker, schemas, clock } = environment;
  await schemas.loadAll();
  const committed = new Map(
    (await broker.committed(application.id))
      .filter((offset) => offset.partition === partition)
      .map((offset) => [offset.topic, offset.offset]),
  );
  const restored = carried ?? (await fromChangelog(environment, application, partition));
  const views = await currentViews(environment, application, partition, restored);
  const inputs: TaskInput[] = [];
  for (const input of application.inputs) {
    // A log that was cut short goes on before the offset that was committed.
    const end = await high(broker, input.topic, partition);
    const position = restored.gone.has(input.topic) ? 0 : Math.min(end, committed.get(input.topic) ?? 0);
    inputs.push(
      taskInput({
        ...{ broker, schemas, clock, input, partition, position },
        maxRecords: environment.maxBatchRecords,
        maxAheadMs: environment.maxAheadMs,
        onRead: environment.waits.read,
      }),
    );
  }
  const lookups = lookupViews(application.project, environment.onlineStore);
  const stages: DeploymentStage[] = [];
  const bytes = byteWriter(4096);
  for (const deployment of application.deployments) {
    const plan = stagePlan(deployment, application);
    const readers = plan.views.map((used) => {
      const local = views.get(used.view);
      if (local !== undefined) return local;
      return lookups.reader(used, application.lookupPartitions.get(used.view) ?? application.partitions);
    });
    const stage = deploymentStage({
      deployment,
      application,
      partition,
      plan,
      readers,
      ready: await environment.versions.load(deployment, catalog.versions),
      lookups: lookups.served,
      predictionSchemaId: environment.emitter.predictionSchemaId,
      outcomeSchemaId: environment.emitter.outcomeSchemaId,
      nextPrediction: await high(broker, topicOf.predictions(deployment.project, deployment.id), partition),
      nextOutcome: await high(broker, topicOf.outcomes(deployment.project, deployment.id), partition),
      writer: bytes,
      clock,
    });
    const from = restored.meta.pending[deployment.id];
    if (from !== undefined) await restorePending(broker, stage, partition, from);
    stages.push(stage);
  }
  const { waits, maxBatchRecords, metrics, emitter, isCurrent } = environment;
  return task(
    {
      application,
      partition,
      inputs,
      views,
      stages,
      lookups,
      tiles: restored.tiles,
      checkpoint: { views: restored.meta.views, journal: restored.meta.journal },
      errors: errorMonitors(application.monitors, restored.meta.detectors),
      watermark: restored.meta.watermark,
      nextJournal: await high(broker, topicOf.journal(application.id), partition),
      lastJournal: restored.lastJournal,
      gone: restored.gone,
      unread: restored.unread,
      logs: await logsOf(
        broker,
        [...application.inputs.map(({ topic }) => topic), topicOf.journal(application.id)],
        partition,
      ),
    },
    {
      writer,
      commitMarkers: broker.commitMarkers,
      emitter,
      clock,
      waits,
      maxBatchRecords,
      metrics,
      isCurrent,
    },
  );
};

const high = async (broker: Broker, topic: string, partition: number): Promise<number> =>
  (await broker.watermarks(topic))[partition]?.high ?? 0;

const fromChangelog = async (
  { broker, schemas }: TaskEnvironment,
  application: Application,
  partition: number,
): Promise<Carried> => {
  const { views, ...rest } = await restoreState(broker, schemas, application, partition);
  const tiles = tileStore(partition);
  await restoreTiles(broker, application.project, tiles);
  return { views, tiles, ...rest };
};

/** States by view id: kept where the version is the same, built from the journal where the view is new. */
const currentViews = async (
  environment: TaskEnvironment,
  application: Application,
  partition: number,
  restored: Carried,
): Promise<Map<string, ViewState>> => {
  const { broker, schemas } = environment;
  const views = new Map<string, ViewState>();
  for (const plan of application.views) {
    const kept = restored.views.get(plan.view);
    const same = kept !== undefined && kept.plan.version === plan.version;
    const { gone, unread } = restored;
    const built = (): Promise<ViewState> =>
      backfillView(broker, schemas, application, partition, { plan, gone, unread });
    if (!same) views.set(plan.view, await built());
    else views.set(plan.view, restored.outdated.has(plan.view) ? await builtOr(kept, built, unread) : kept);
  }
  await tellUnread(environment, application, partition, restored.unread);
  return views;
};

/** The state of the views that says what they were built without: a metric, and for readers the online store. */
const tellUnread = async (
  { onlineStore, metrics }: TaskEnvironment,
  { project, views }: Application,
  partition: number,
  { counts }: UnreadRecords,
): Promise<void> => {
  for (const { view } of views) {
    metrics.unread.set({ view: `${project}/${view}`, partition: String(partition) }, counts.get(view) ?? 0);
  }
  const index = views.map(({ view, version }) => ({
    index: unreadIndex(project, view, version),
    member: String(partition),
    score: counts.get(view) ?? null,
  }));
  if (index.length > 0) await onlineStore.setMany([], index);
};

/** Where a source's retention has removed what a state was made of, it stays as it is, and what it was made without. */
const builtOr = async (kept: ViewState, built: () => Promise<ViewState>, unread: UnreadRecords): Promise<ViewState> => {
  const { view } = kept.plan;
  const count = unread.counts.get(view) ?? 0;
  try {
    return await built();
  } catch (error) {
    if (!isMillraceError(error, "ILLEGAL_STATE")) throw error;
    unread.set(view, count);
    return kept;
  }
};
