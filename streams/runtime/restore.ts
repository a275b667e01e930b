import { madeAgain, replay } from "../../infra/broker/journal.ts";
import { type Broker, partitionKey, type RecordBatch } from "../../infra/broker/port.ts";
import { parseStateKey } from "../../ml/features/changelog-key.ts";
import { type ViewState, viewState } from "../../ml/features/state.ts";
import type { ViewPlan } from "../../ml/features/view.ts";
import { noKey } from "../../schemas/business-key.ts";
import { ownRecordDecoder } from "../../schemas/codec.ts";
import { outcomeSchema, predictionSchema, type TileRecord, tileSchema, topicOf } from "../../schemas/topics.ts";
import type { TileStore } from "../drift/tiles.ts";
import { foldInto } from "../features/fold.ts";
import { type UnreadRecords, unreadRecords } from "../features/unread.ts";
import type { DeploymentStage } from "../predictions/stage.ts";
import type { Application } from "../topology.ts";
import { decodeMeta, emptyMeta, foldRules, metaKey, type TaskMeta } from "./changelog.ts";
import type { SchemaCache } from "./input.ts";
import { goneLogs } from "./logs.ts";

/** Reads a partition from an offset to its present end. */
export const readAll = async (
  broker: Broker,
  topic: string,
  partition: number,
  from: number,
  visit: (batch: RecordBatch, index: number) => void,
): Promise<void> => {
  const end = (await broker.watermarks(topic))[partition]?.high ?? 0;
  if (from >= end) return;
  const reader = broker.reader({
    partitions: [{ topic, partition }],
    from: new Map([[partitionKey(topic, partition), from]]),
  });
  try {
    for (;;) {
      const batch = await reader.poll(topic, partition);
      if (batch === null) return;
      for (let i = 0; i < batch.count; i++) if (batch.offsets[i] < end) visit(batch, i);
      if (batch.offsets[batch.count - 1] + 1 >= end) return;
    }
  } finally {
    await reader.close();
  }
};

export type Restored = {
  views: Map<string, ViewState>;
  outdated: ReadonlySet<string>;
  meta: TaskMeta;
  lastJournal: number;
  gone: ReadonlySet<string>;
  unread: UnreadRecords;
};

/**
 * View states of a partition: as its changelog has them from the last checkpoint (bytes stay bytes until an entity is
 * touched), and on top what its task has taken since. `outdated`: views whose state was folded by an earlier release's
 * rules; it is good for nothing but where the log no longer has what it was made of. `gone`: topics that were made again since; of what was taken of
 * them there is what the checkpoint has.
 */
export const restoreState = async (
  broker: Broker,
  schemas: SchemaCache,
  application: Application,
  partition: number,
): Promise<Restored> => {
  const views = new Map(application.views.map((plan) => [plan.view, viewState(plan)]));
  const unread = unreadRecords();
  let meta = emptyMeta();
  await readAll(broker, topicOf.changelog(application.id), partition, 0, (batch, i) => {
    const key = parseStateKey(batch.bytes, batch.keyStart[i], batch.keyEnd[i]);
    if (key !== null) {
      const state = views.get(key.view);
      if (state === undefined || state.plan.version !== key.version || batch.valueStart[i] < 0) return;
      state.restore(key.entity, batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]));
    } else if (batch.bytes.toString("latin1", batch.keyStart[i], batch.keyEnd[i]) === metaKey) {
      meta = decodeMeta(batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]));
    }
  });
  const outdated = new Set<string>();
  for (const [view, state] of views) {
    const kept = meta.views[view];
    if (kept?.version !== state.plan.version) {
      views.delete(view);
      continue;
    }
    unread.set(view, kept.unread ?? 0);
    if (kept.rules !== foldRules) outdated.add(view);
  }
  const gone = await goneLogs(broker, meta.logs ?? {}, partition);
  if (gone.has(topicOf.journal(application.id))) meta.journal = 0;
  let lastJournal = meta.journal - 1;
  const since = {
    application: application.id,
    partition,
    fromEntry: meta.journal,
    lost: lostWith(gone),
    onEntry: (offset: number) => {
      lastJournal = offset;
    },
  };
  await replay(broker, since, foldInto(application, schemas, [...views.values()], { unread: unread.add }));
  return { views, outdated, meta, lastJournal, gone, unread };
};

/** Nothing of these topics is in any entry that there is. */
const lostWith = (gone: ReadonlySet<string>): Map<string, number> =>
  new Map([...gone].map((topic) => [topic, Number.POSITIVE_INFINITY]));

/**
 * Builds the state of a view that is new to a partition by folding all that its task has ever taken, but for what it
 * took of topics that were made again since: that is gone.
 */
export const backfillView = async (
  broker: Broker,
  schemas: SchemaCache,
  application: Application,
  partition: number,
  { plan, gone, unread }: { plan: ViewPlan } & Pick<Restored, "gone" | "unread">,
): Promise<ViewState> => {
  const lost = lostWith(gone);
  for (;;) {
    const state = viewState(plan);
    unread.set(plan.view, 0);
    const fold = foldInto(application, schemas, [state], { unread: unread.add });
    try {
      await replay(broker, { application: application.id, partition, lost }, fold);
      return state;
    } catch (error) {
      const again = madeAgain(error);
      if (again === null) throw error;
      lost.set(again.topic, again.entry);
    }
  }
};

/** Open tiles of this partition, from the newest record of each. */
export const restoreTiles = async (broker: Broker, project: string, tiles: TileStore): Promise<void> => {
  const decode = ownRecordDecoder<TileRecord>(tileSchema);
  await readAll(broker, topicOf.tiles(project), 0, 0, (batch, i) => {
    const record = decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    if (record !== null) tiles.restore(record);
  });
};

type PredictionRecord = {
  id: string;
  key: string;
  entity: string;
  eventTime: number;
  model: string;
  version: number;
  variant: string;
  output: number;
};

/** Predictions that wait for an outcome: those made since the oldest that waited, less those that met theirs. */
export const restorePending = async (
  broker: Broker,
  stage: DeploymentStage,
  partition: number,
  from: { predictions: number; outcomes: number },
): Promise<void> => {
  const pending = stage.pending;
  if (pending === null) return;
  const prediction = ownRecordDecoder<PredictionRecord>(predictionSchema);
  await readAll(broker, stage.predictionsTopic, partition, from.predictions, (batch, i) => {
    const record = prediction(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    if (record === null) return;
    const { id, key, entity, eventTime: time, model, version, variant, output } = record;
    if (key === noKey) return;
    pending.add({
      id,
      key,
      entity,
      time,
      model,
      version,
      variant,
      output,
      offset: batch.offsets[i],
      outcomesFrom: from.outcomes,
      next: null,
      done: false,
    });
  });
  const outcome = ownRecordDecoder<{ predictionId: string; key: string }>(outcomeSchema);
  await readAll(broker, stage.outcomesTopic, partition, from.outcomes, (batch, i) => {
    const record = outcome(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    if (record !== null) pending.forget(record.predictionId, record.key);
  });
};
