import type { Warehouse } from "../../../infra/warehouse/open.ts";
import type { DriftRecord } from "../../../schemas/topics.ts";
import { numberOf } from "../../doubles.ts";
import { ask, conditions, withDenormals, within } from "./ask.ts";
import { type PageOptions, paging, type WarehousePage } from "./page.ts";

export type DriftFilter = {
  endpoint?: string;
  monitor?: string;
  column?: string;
  drifted?: boolean;
  /** End of the window, from inclusive, to exclusive. */
  from?: number;
  to?: number;
};

/** A sketch of one tile in one partition; `values` are laid out as `bins` says, or a metric tile's numbers. */
export type TileRow = {
  kind: string;
  endpoint: string;
  model: string;
  version: number;
  partition: number;
  from: number;
  to: number;
  watermark: number;
  rows: number;
  columns: string[];
  bins: number[];
  values: number[];
};

export const driftReads = (warehouse: Warehouse) => ({
  /** In the order of the windows' ends. BAD_REQUEST for a foreign cursor. */
  async driftResults(project: string, options: DriftFilter & PageOptions): Promise<WarehousePage<DriftRecord>> {
    const pages = paging<DriftRecord>(options, [
      { sql: "toUnixTimestamp64Milli(window_to)", type: "Int64", of: (row) => row.to },
      { sql: "monitor", type: "String", of: (row) => row.monitor },
      { sql: "column", type: "String", of: (row) => row.column },
      { sql: "model", type: "String", of: (row) => row.model },
      { sql: "version", type: "Int32", of: (row) => row.version },
      { sql: "toUnixTimestamp64Milli(window_from)", type: "Int64", of: (row) => row.from },
    ]);
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("endpoint = {endpoint:String}", "endpoint", options.endpoint)
      .add("monitor = {monitor:String}", "monitor", options.monitor)
      .add("column = {column:String}", "column", options.column)
      .add("drifted = {drifted:Bool}", "drifted", options.drifted);
    within(these, "window_to", options);
    const rows = await ask<Omit<DriftRecord, "value"> & { value: number | string }>(
      warehouse,
      `SELECT monitor, endpoint, model, version, column, statistic, value, threshold, drifted,
         toUnixTimestamp64Milli(window_from) AS from, toUnixTimestamp64Milli(window_to) AS to, rows
       FROM drift FINAL WHERE ${these.sql} AND ${pages.where.sql} ${pages.order}`,
      { ...these.parameters, ...pages.where.parameters },
      withDenormals,
    );
    return pages.page(rows.map((row) => ({ ...row, value: numberOf(row.value) })));
  },

  /** The newest sketch of every tile that begins in the range, by tile and partition. */
  async tiles(
    project: string,
    options: { kind: string; endpoint: string; model?: string; version?: number; from?: number; to?: number },
  ): Promise<TileRow[]> {
    const these = conditions()
      .add("project = {project:String}", "project", project)
      .add("kind = {kind:String}", "kind", options.kind)
      .add("endpoint = {endpoint:String}", "endpoint", options.endpoint)
      .add("model = {model:String}", "model", options.model)
      .add("version = {version:Int32}", "version", options.version);
    within(these, "tile_from", options);
    const rows = await ask<Omit<TileRow, "values"> & { values: (number | string)[] }>(
      warehouse,
      `SELECT kind, endpoint, model, version, partition, toUnixTimestamp64Milli(tile_from) AS from,
         toUnixTimestamp64Milli(tile_to) AS to, toUnixTimestamp64Milli(tiles.watermark) AS watermark, rows, columns,
         bins, values
       FROM tiles FINAL WHERE ${these.sql} ORDER BY tile_from, model, version, partition`,
      these.parameters,
      withDenormals,
    );
    return rows.map((row) => ({ ...row, values: row.values.map(numberOf) }));
  },
});
