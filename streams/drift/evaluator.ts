import type { Artifacts } from "../../infra/artifacts/port.ts";
import { type Broker, partitionKey, type Reader, type Writer } from "../../infra/broker/port.ts";
import { decodeProfile, type ReferenceProfile } from "../../ml/drift/profile.ts";
import { ownRecordDecoder } from "../../schemas/codec.ts";
import { type DriftRecord, type TileRecord, tileSchema, topicOf } from "../../schemas/topics.ts";
import { type Catalog, type CatalogMonitor, versionKey } from "../catalog.ts";
import type { Emitter } from "../runtime/emitter.ts";
import { completeWindows, type DriftMonitor, inLayoutOf, judgeWindow, type WindowTiles } from "./windows.ts";

type Watch = {
  monitor: CatalogMonitor;
  definition: DriftMonitor;
  reader: Reader;
  /** Next offset of the tiles to read. */
  position: number;
  /** Newest record of each tile in windows that are not judged yet, by tile key. */
  tiles: Map<string, TileRecord>;
  watermarks: Map<number, { time: number; seenAt: number }>;
  /** Windows that end at or before this are judged. */
  judgedTo: number;
};

export type DriftEvaluatorOptions = {
  broker: Broker;
  artifacts: Artifacts;
  emitter: Emitter;
  clock: () => number;
  /** Of `evaluatorWriter`: who judges next fences this one. */
  writer: Writer;
};

export type DriftEvaluator = ReturnType<typeof driftEvaluator>;

/** The id of the one writer that judges drift. */
export const evaluatorWriter = "drift-evaluator";

/**
 * Judges the complete windows of every drift monitor. A new monitor begins at the oldest tile: it looks back.
 * How far a monitor has judged is committed with its results, as the offset (a time) of a group of its own.
 */
export const driftEvaluator = ({ broker, artifacts, emitter, clock, writer }: DriftEvaluatorOptions) => {
  const watches = new Map<string, Watch>();
  const profiles = new Map<string, Promise<ReferenceProfile>>();
  const decode = ownRecordDecoder<TileRecord>(tileSchema);

  const groupOf = (monitor: CatalogMonitor): string => `monitor.${monitor.project}.${monitor.id}`;

  const open = async (catalog: Catalog, monitor: CatalogMonitor, definition: DriftMonitor): Promise<Watch> => {
    const topic = topicOf.tiles(monitor.project);
    const [judged] = await broker.committed(groupOf(monitor));
    return {
      monitor,
      definition,
      reader: broker.reader({
        partitions: [{ topic, partition: 0 }],
        from: new Map([[partitionKey(topic, 0), 0]]),
      }),
      position: 0,
      tiles: new Map(),
      watermarks: notHeardYet(partitionsOf(catalog, monitor.project, definition.deployment), clock()),
      judgedTo: judged?.offset ?? 0,
    };
  };

  const profileOf = (catalog: Catalog, project: string, model: string, version: number) => {
    const digest = catalog.versions.get(versionKey(project, model, version))?.profile;
    if (digest == null) return null;
    const profile = profiles.get(digest) ?? artifacts.read(digest).then(decodeProfile);
    profiles.set(digest, profile);
    profile.catch(() => profiles.delete(digest));
    return profile;
  };

  /** Takes in new tiles; answers true when the topic is read to its end. */
  const absorb = async (watch: Watch): Promise<boolean> => {
    const topic = topicOf.tiles(watch.monitor.project);
    const batch = await watch.reader.poll(topic, 0);
    if (batch === null) return true;
    watch.position = batch.offsets[batch.count - 1] + 1;
    for (let i = 0; i < batch.count; i++) {
      const record = decode(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
      if (record === null) continue;
      if (record.kind !== "drift" || record.endpoint !== watch.definition.deployment) continue;
      const known = watch.watermarks.get(record.partition)?.time ?? Number.NEGATIVE_INFINITY;
      if (record.watermark > known) {
        watch.watermarks.set(record.partition, { time: record.watermark, seenAt: clock() });
      }
      if (record.from < watch.judgedTo) continue;
      const key = `${record.model}|${record.version}|${record.from}|${record.partition}`;
      watch.tiles.set(key, { ...record, values: Buffer.from(record.values) });
    }
    return false;
  };

  const judge = async (watch: Watch, catalog: Catalog): Promise<void> => {
    const { project } = watch.monitor;
    const windows = completeWindows(
      watch.tiles.values(),
      watch.watermarks.values(),
      watch.definition.windowMs,
      clock(),
    );
    for (const window of windows) {
      const results: DriftRecord[] = [];
      for (const version of groupedByVersion(window.versions)) {
        const profile = await profileOf(catalog, project, version[0].model, version[0].version);
        const tiles = profile === null ? null : inLayoutOf(profile, version);
        if (profile !== null && tiles !== null) results.push(...resultsOf(watch, window, tiles, profile));
      }
      const transaction = writer.transaction();
      for (const result of results) emitter.drift(transaction, project, result);
      transaction.offsets(groupOf(watch.monitor), [{ topic: topicOf.drift(project), partition: 0, offset: window.to }]);
      await transaction.commit();
      watch.judgedTo = window.to;
      for (const [key, tile] of watch.tiles) if (tile.from < window.to) watch.tiles.delete(key);
    }
  };

  return {
    /** Reads, if something may have come, and judges what there is; answers how many monitors had something to read. */
    step: async (catalog: Catalog, mayRead: boolean): Promise<number> => {
      for (const [key, watch] of watches) {
        if (catalog.monitors.has(key)) continue;
        watches.delete(key);
        await watch.reader.close();
      }
      let busy = 0;
      for (const [key, monitor] of catalog.monitors) {
        if (monitor.definition.kind !== "drift") continue;
        const watch = watches.get(key) ?? (await open(catalog, monitor, monitor.definition));
        watches.set(key, watch);
        if (mayRead && !(await absorb(watch))) busy += 1;
        else await judge(watch, catalog);
      }
      return busy;
    },
    /** Next offsets of what it reads, by `topic/partition`. */
    positions: (): Map<string, number> => {
      const positions = new Map<string, number>();
      for (const { monitor, position } of watches.values()) {
        const key = partitionKey(topicOf.tiles(monitor.project), 0);
        positions.set(key, Math.min(position, positions.get(key) ?? position));
      }
      return positions;
    },
    close: async (): Promise<void> => {
      for (const watch of watches.values()) await watch.reader.close();
      await writer.close();
    },
  };
};

const partitionsOf = (catalog: Catalog, project: string, endpoint: string): number => {
  const trigger = catalog.deployments.get(`${project}/${endpoint}`)?.trigger;
  return catalog.sources.get(`${project}/${trigger}`)?.partitions ?? 0;
};

/** A task that has not begun holds windows open like one that is behind, or they would be judged without its rows. */
const notHeardYet = (partitions: number, now: number): Watch["watermarks"] =>
  new Map(
    Array.from({ length: partitions }, (_, partition) => [partition, { time: Number.NEGATIVE_INFINITY, seenAt: now }]),
  );

const groupedByVersion = (windows: readonly WindowTiles[]): WindowTiles[][] => {
  const groups = new Map<string, WindowTiles[]>();
  for (const window of windows) {
    const key = `${window.model}|${window.version}`;
    groups.set(key, [...(groups.get(key) ?? []), window]);
  }
  return [...groups.values()];
};

const resultsOf = (
  watch: Watch,
  window: { from: number; to: number },
  tiles: WindowTiles,
  profile: ReferenceProfile,
): DriftRecord[] => {
  const { definition, monitor } = watch;
  if (tiles.rows < definition.minRows) return [];
  return judgeWindow(tiles, profile, definition).map(({ column, value }) => ({
    monitor: monitor.id,
    endpoint: definition.deployment,
    model: tiles.model,
    version: tiles.version,
    column,
    statistic: definition.statistic,
    value,
    threshold: definition.threshold,
    drifted: value >= definition.threshold,
    from: window.from,
    to: window.to,
    rows: tiles.rows,
  }));
};
