import type { DatabaseSync } from "node:sqlite";
import { isConstraint } from "../sqlite/errors.ts";
import { reusedEventIds, wrongExpectedRevision } from "./append-refusals.ts";
import type { AppendResult, ExpectedRevision } from "./port.ts";

/** `data` and `metadata` are JSON. */
type NewRow = { id: string; type: string; data: string; metadata: string; at: number };
export type Append = { stream: string; rows: readonly NewRow[]; expected: ExpectedRevision };

type Located = [revision: number, position: number];

/**
 * Writes appends inside a transaction that the caller holds. An append that is refused (WRONG_EXPECTED_REVISION,
 * IDEMPOTENCY_CONFLICT) leaves no row of its own and the transaction intact.
 */
export const appender = (db: DatabaseSync): ((append: Append) => AppendResult) => {
  const newest = db.prepare("SELECT max(revision) FROM events WHERE stream = ?");
  const byId = db.prepare("SELECT revision, position FROM events WHERE id = ? AND stream = ?");
  for (const query of [newest, byId]) query.setReturnArrays(true);
  const insert = db.prepare(
    "INSERT INTO events (stream, revision, id, type, data, metadata, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const locate = (id: string, stream: string): Located | undefined => byId.get(id, stream) as unknown as Located;

  /** The answer of the first time, where these very events are in the stream already. */
  const earlier = ({ stream, rows }: Append): AppendResult | null => {
    const first = locate(rows[0].id, stream);
    if (first === undefined) return null;
    let last = first;
    for (let i = 1; i < rows.length; i++) {
      const next = locate(rows[i].id, stream);
      if (next?.[0] !== first[0] + i) throw reusedEventIds(stream, rows[0].id);
      last = next;
    }
    return { revision: BigInt(last[0]), position: String(last[1]), deduplicated: true };
  };

  const writeRows = ({ stream, rows }: Append, current: number): AppendResult => {
    let revision = current;
    let position: number | bigint = 0;
    for (const row of rows) {
      revision++;
      position = insert.run(stream, revision, row.id, row.type, row.data, row.metadata, row.at).lastInsertRowid;
    }
    return { revision: BigInt(revision), position: String(position), deduplicated: false };
  };

  return (append) => {
    const { stream, rows, expected } = append;
    const before = earlier(append);
    if (before !== null) return before;
    const current = Number((newest.get(stream) as unknown as [number | null])[0] ?? -1);
    if (expected !== "any" && current !== (expected === "no-stream" ? -1 : Number(expected))) {
      throw wrongExpectedRevision(stream, expected, BigInt(current));
    }
    // One row is atomic by itself.
    if (rows.length === 1) return writeRows(append, current);
    db.exec("SAVEPOINT append");
    try {
      const result = writeRows(append, current);
      db.exec("RELEASE append");
      return result;
    } catch (error) {
      if (!isConstraint(error)) throw error;
      db.exec("ROLLBACK TO append; RELEASE append");
      throw reusedEventIds(stream, rows[0].id, error);
    }
  };
};
