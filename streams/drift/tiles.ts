import { packNumbers, unpackNumbers } from "../../schemas/packed.ts";
import type { TileRecord } from "../../schemas/topics.ts";

export type TileKind = "drift" | "metrics" | "dropped";

/** A sketch of one hour of event time, of one version, in one partition. */
export type Tile = {
  kind: TileKind;
  endpoint: string;
  model: string;
  version: number;
  from: number;
  rows: number;
  columns: string[];
  bins: number[];
  values: Float64Array;
  dirty: boolean;
};

export const tileMs = 3_600_000;

/** Tiles older than this before the newest event are closed: what would still belong to them is counted and dropped. */
export const openTilesMs = 48 * tileMs;

export type TileTemplate = {
  columns: string[];
  bins: number[];
  /** Numbers of a tile. */
  width: number;
  empty: () => Float64Array;
  /** A tile of an earlier release's layout, in this one. Not known: it begins anew. */
  adopt?: (bins: readonly number[], values: Float64Array) => Float64Array | null;
};

export type TileStore = {
  /** The open tile of this moment, or null where it has been closed. */
  tile(
    kind: TileKind,
    endpoint: string,
    model: string,
    version: number,
    time: number,
    template: TileTemplate,
  ): Tile | null;
  readonly late: number;
  /** Changed tiles as records of the tiles topic; closes what is old. */
  drain(watermark: number, emit: (key: string, record: TileRecord) => void): void;
  restore(record: TileRecord): void;
};

export const tileKey = (
  kind: string,
  endpoint: string,
  model: string,
  version: number,
  from: number,
  partition: number,
): string => `${kind}|${endpoint}|${model}|${version}|${from}|${partition}`;

const takeOver = (tile: Tile, { columns, bins, empty, adopt }: TileTemplate): void => {
  const values = adopt?.(tile.bins, tile.values) ?? null;
  if (values === null) tile.rows = 0;
  Object.assign(tile, { columns, bins, values: values ?? empty() });
};

export const tileStore = (partition: number): TileStore => {
  const tiles = new Map<string, Tile>();
  const dirty = new Map<string, Tile>();
  let newest = Number.NEGATIVE_INFINITY;
  let late = 0;
  return {
    tile: (kind, endpoint, model, version, time, template) => {
      const from = Math.floor(time / tileMs) * tileMs;
      if (from + tileMs < newest - openTilesMs) {
        late += 1;
        return null;
      }
      const key = tileKey(kind, endpoint, model, version, from, partition);
      let tile = tiles.get(key);
      if (tile === undefined) {
        const { columns, bins } = template;
        const values = template.empty();
        tile = { kind, endpoint, model, version, from, rows: 0, columns, bins, values, dirty: false };
        tiles.set(key, tile);
      } else if (tile.values.length !== template.width) takeOver(tile, template);
      if (!tile.dirty) {
        tile.dirty = true;
        dirty.set(key, tile);
      }
      return tile;
    },
    get late() {
      return late;
    },
    drain: (watermark, emit) => {
      newest = Math.max(newest, watermark);
      for (const [key, tile] of dirty) {
        tile.dirty = false;
        emit(key, {
          kind: tile.kind,
          endpoint: tile.endpoint,
          model: tile.model,
          version: tile.version,
          partition,
          from: tile.from,
          to: tile.from + tileMs,
          watermark: newest,
          rows: tile.rows,
          columns: tile.columns,
          bins: tile.bins,
          length: tile.values.length,
          values: packNumbers(tile.values),
        });
      }
      dirty.clear();
      for (const [key, tile] of tiles) {
        if (tile.from + tileMs < newest - openTilesMs) tiles.delete(key);
      }
    },
    restore: (record) => {
      if (record.partition !== partition) return;
      newest = Math.max(newest, record.watermark);
      const { kind, endpoint, model, version, from, rows, columns, bins } = record;
      tiles.set(tileKey(kind, endpoint, model, version, from, partition), {
        kind: kind as TileKind,
        endpoint,
        model,
        version,
        from,
        rows,
        columns,
        bins,
        values: unpackNumbers(record.values, record.length),
        dirty: false,
      });
    },
  };
};
