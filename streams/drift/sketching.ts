import { addToTile, newMetricTile } from "../../ml/metrics/tile.ts";
import type { Joined } from "../outcomes/join.ts";
import type { DeploymentStage, ScoredRows } from "../predictions/stage.ts";
import { type TileStore, type TileTemplate, tileMs } from "./tiles.ts";

/** Adds what was scored to the drift tiles of its version: runs of rows of the same hour go together. */
export const sketchScored = (tiles: TileStore, endpoint: string, scored: ScoredRows): void => {
  const { ready, matrix, outputs, count, times } = scored;
  const sketcher = ready.sketcher();
  if (sketcher === null) return;
  const template: TileTemplate = {
    columns: sketcher.columns,
    bins: [...sketcher.bins],
    width: sketcher.width,
    adopt: sketcher.adopt,
    empty: () => new Float64Array(sketcher.width),
  };
  for (let start = 0; start < count; ) {
    const hour = Math.floor(times[start] / tileMs);
    let end = start + 1;
    while (end < count && Math.floor(times[end] / tileMs) === hour) end++;
    const tile = tiles.tile("drift", endpoint, ready.model, ready.version, times[start], template);
    if (tile !== null) {
      const rows = matrix.subarray(start * ready.columns, end * ready.columns);
      sketcher.add(rows, end - start, outputs.subarray(start, end), tile.values);
      tile.rows += end - start;
    }
    start = end;
  }
};

/** Adds outcomes to the metric tiles, by the event time of the outcome: runs of one version and hour go together. */
export const sketchJoined = (tiles: TileStore, stage: DeploymentStage, joined: readonly Joined[]): void => {
  const empty = () => newMetricTile(stage.task);
  const template: TileTemplate = { columns: [stage.task], bins: [], width: empty().length, empty };
  for (let start = 0; start < joined.length; ) {
    const { prediction, time } = joined[start];
    const { model, version } = prediction;
    const hour = Math.floor(time / tileMs);
    let end = start + 1;
    while (end < joined.length && isOf(joined[end], model, version, hour)) end++;
    const tile = tiles.tile("metrics", stage.deployment.id, model, version, time, template);
    if (tile !== null) {
      for (let i = start; i < end; i++) addToTile(tile.values, joined[i].prediction.output, joined[i].outcome);
      tile.rows += end - start;
    }
    start = end;
  }
};

const isOf = ({ prediction, time }: Joined, model: string, version: number, hour: number): boolean =>
  Math.floor(time / tileMs) === hour && prediction.version === version && prediction.model === model;
