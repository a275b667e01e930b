import { randomUUID } from "node:crypto";

/** An event as the server keeps it. */
export type Row = {
  position: bigint;
  stream: string;
  revision: bigint;
  id: string;
  type: string;
  contentType: string;
  data: Uint8Array;
  metadata: Uint8Array;
  /** UTC milliseconds. */
  created: number;
};
export type NewRow = Pick<Row, "id" | "type" | "contentType" | "data" | "metadata">;
export type Expected = bigint | "no-stream" | "any";

export type AppendOutcome = { row: Row } | { wrong: { current: bigint } } | { deleted: true };

export type StreamView = { state: "none" } | { state: "deleted" } | { state: "there"; rows: readonly Row[] };

/** The event number of a tombstone, and the mark of a stream that was deleted but may be begun anew. */
const endOfTime = 2n ** 63n - 1n;

type StreamMetadata = { $tb?: number | bigint; $maxCount?: number; $maxAge?: number };

/**
 * A log in memory that keeps KurrentDB's rules of deletion, truncation, scavenging, backups and idempotency, as the
 * server's documentation and source tell them.
 */
export const doubleLog = (onRow: (row: Row) => void) => {
  let log: Row[] = [];
  let byStream = new Map<string, Row[]>();
  /** Of streams whose events may have been scavenged, too. */
  let newest = new Map<string, bigint>();

  const put = (stream: string, revision: bigint, given: NewRow): Row => {
    const last = log.at(-1)?.position ?? 0n;
    const position = last + 1n + BigInt(given.data.length + given.metadata.length);
    const row = { ...given, stream, revision, position, created: Date.now() };
    log.push(row);
    const rows = byStream.get(stream);
    if (rows === undefined) byStream.set(stream, [row]);
    else rows.push(row);
    newest.set(stream, revision);
    onRow(row);
    return row;
  };
  const add = (stream: string, given: NewRow): Row => put(stream, (newest.get(stream) ?? -1n) + 1n, given);

  const metadataOf = (stream: string): StreamMetadata => {
    const row = byStream.get(`$$${stream}`)?.at(-1);
    if (row === undefined) return {};
    const text = Buffer.from(row.data).toString();
    const isDeleted = text.includes(`"$tb":${endOfTime}`);
    return { ...(JSON.parse(text) as StreamMetadata), ...(isDeleted ? { $tb: endOfTime } : {}) };
  };
  const setMetadata = (stream: string, metadata: StreamMetadata): void => {
    const pairs = Object.entries(metadata).map(([name, value]) => `"${name}":${value}`);
    const data = Buffer.from(`{${pairs.join(",")}}`);
    add(`$$${stream}`, { ...blank, id: randomUUID(), type: "$metadata", data });
  };
  const isTombstoned = (stream: string): boolean => newest.get(stream) === endOfTime;
  const isDeleted = (stream: string): boolean => metadataOf(stream).$tb === endOfTime;

  const visible = (stream: string): Row[] => {
    const { $tb = 0, $maxCount, $maxAge } = metadataOf(stream);
    const end = newest.get(stream) ?? -1n;
    const youngest = $maxAge === undefined ? 0 : Date.now() - $maxAge * 1000;
    const first = $maxCount === undefined ? BigInt($tb) : bigger(BigInt($tb), end - BigInt($maxCount) + 1n);
    return (byStream.get(stream) ?? []).filter(({ revision, created }) => revision >= first && created > youngest);
  };

  /** The last row of an append with these ids that stands after the revision, as the server looks for a retry. */
  const repeated = (stream: string, ids: readonly string[], after: bigint): Row | null => {
    const found = ids.map((id, i) =>
      byStream.get(stream)?.find((row) => row.id === id && row.revision === after + 1n + BigInt(i)),
    );
    return found.every((row) => row !== undefined) ? (found.at(-1) as Row) : null;
  };

  return {
    all: (): readonly Row[] => log,
    add,
    setMetadata,
    view(stream: string): StreamView {
      if (isTombstoned(stream)) return { state: "deleted" };
      if (!newest.has(stream) || isDeleted(stream)) return { state: "none" };
      return { state: "there", rows: visible(stream) };
    },
    append(stream: string, rows: readonly NewRow[], expected: Expected): AppendOutcome {
      if (isTombstoned(stream)) return { deleted: true };
      const current = newest.get(stream) ?? -1n;
      const wanted = expected === "no-stream" ? -1n : expected;
      const begins = isDeleted(stream) && wanted === -1n;
      if (wanted !== "any" && wanted !== current && !begins) {
        const ids = rows.map(({ id }) => id);
        const earlier = wanted < current ? repeated(stream, ids, wanted) : null;
        return earlier === null ? { wrong: { current } } : { row: earlier };
      }
      if (isDeleted(stream)) setMetadata(stream, { $tb: current + 1n });
      let row: Row | undefined;
      for (const each of rows) row = add(stream, each);
      return { row: row as Row };
    },
    /** Deleted, but it may be begun anew. */
    softDelete: (stream: string): void => setMetadata(stream, { $tb: endOfTime }),
    /** Deleted for ever. */
    tombstone(stream: string): void {
      put(stream, endOfTime, { ...blank, id: randomUUID(), type: "$streamDeleted", data: Buffer.from("{}") });
    },
    /** Takes away what no reader of its stream sees; a stream that was not deleted keeps its last event. */
    scavenge(): void {
      const stays = new Set<Row>();
      for (const [stream, rows] of byStream) {
        const last = rows.at(-1) as Row;
        if (!isDeleted(stream)) stays.add(last);
        if (!isTombstoned(stream) && !isDeleted(stream)) for (const row of visible(stream)) stays.add(row);
      }
      log = log.filter((row) => stays.has(row));
      byStream = new Map([...byStream].map(([stream, rows]) => [stream, rows.filter((row) => stays.has(row))]));
    },
    /** All that there is, for `restore`. */
    backup(): () => void {
      const kept = {
        log: [...log],
        byStream: [...byStream].map(([name, rows]) => [name, [...rows]] as const),
        newest: [...newest],
      };
      return () => {
        log = [...kept.log];
        byStream = new Map(kept.byStream.map(([name, rows]) => [name, [...rows]]));
        newest = new Map(kept.newest);
      };
    },
  };
};

export const blank = { contentType: "application/json", metadata: new Uint8Array() } as const;

const bigger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
