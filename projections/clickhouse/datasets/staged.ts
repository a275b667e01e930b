import type { DatasetColumn } from "../../../schemas/lifecycle/dataset.ts";

/**
 * Rows as they came, in a table of their own or what SQL reads as one, and how they become columns: SQL over that
 * table, by name.
 */
export type Staged = { table: string; columns: (DatasetColumn & { sql: string })[] };

/** Blocks of an insert are written as they come: a large file takes no more memory than a small one. */
export const smallBlocks =
  "max_insert_block_size = 65536, min_insert_block_size_rows = 0, min_insert_block_size_bytes = 0, max_threads = 1";

/**
 * The log engines keep the order in which rows came; the tables are private, and dropped when read. This one has one
 * file for all columns: with a file each, 1,000 columns ask for 4 GiB of buffers.
 */
export const stagingEngine = "ENGINE = StripeLog";

/** Beside a staging table: what the warehouse cannot read of a file itself. */
export const nestedTable = (table: string): string => `${table}_nested`;

/** Beside a staging table: what only says which lists are missing. */
export const turnedTable = (table: string): string => `${table}_turned`;
