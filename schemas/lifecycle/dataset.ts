import type { Event } from "./event.ts";

export type DatasetFormat = "csv" | "json" | "parquet" | "avro" | "query";

/** A column of a dataset's table, with its ClickHouse type. */
export type DatasetColumn = { name: string; type: string };

/** Where the rows came from: a file, or what a table or query of the warehouse held then. `text` is its name or SQL. */
export type DatasetSource = { kind: "upload" | "table" | "query"; text: string | null };

export type DatasetVersionDefinition = {
  version: number;
  /** SHA-256 of the bytes; for a query, of its rows. */
  digest: string;
  format: DatasetFormat;
  /** Bytes. */
  size: number;
  rows: number;
  schema: DatasetColumn[];
  /** SHA-256 of the profile, JSON. */
  profile: string | null;
  source: DatasetSource;
};

export type DatasetEvent =
  | Event<"DatasetCreated", { description: string }>
  | Event<"DatasetVersionCreated", DatasetVersionDefinition>
  | Event<"DatasetTagSet", { key: string; value: string }>
  | Event<"DatasetTagRemoved", { key: string }>
  | Event<"DatasetArchived", Record<string, never>>;
