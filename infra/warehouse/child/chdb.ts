import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { MillraceError } from "../../../schemas/errors.ts";

declare const connection: unique symbol;
export type Connection = { readonly [connection]: true };

type NativeResult = { bytes: Uint8Array; rowsRead: number; bytesRead: number; elapsed: number };

/** What of chDB's native addon is used. */
export type Chdb = {
  CreateConnection(directory: string): Connection;
  QueryAsyncConnection(connection: Connection, sql: string, format: string): Promise<NativeResult>;
  /** Only when nothing runs on the connection. */
  CloseConnection(connection: Connection): void;
};

/**
 * The addon under chDB's JavaScript. That one closes a session only when no query runs in any session: behind one
 * long query sessions heap up, and a statement took 12 ms instead of 1 ms. Here every connection closes when its own
 * statement has ended. WAREHOUSE_FAILED where chDB is not installed.
 */
export const loadChdb = (): Chdb => {
  const require = createRequire(import.meta.url);
  try {
    const loader = join(dirname(require.resolve("chdb")), "dist", "loader.js");
    return (require(loader) as { loadNative(): Chdb }).loadNative();
  } catch (cause) {
    throw new MillraceError(
      "WAREHOUSE_FAILED",
      "The embedded warehouse needs the optional package chdb, which is not installed here or does not support this machine: " +
        "run `npm install --include=optional`, or set WAREHOUSE to the URL of a ClickHouse server",
      { cause },
    );
  }
};
