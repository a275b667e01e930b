import { isCommandError, ErrorType as KurrentDbError } from "@kurrent/kurrentdb-client";
import { type FoundEvent, faultsIn, incomplete } from "./history-guard.ts";
import type { Deadline, KurrentDbConnection } from "./kurrentdb-connection.ts";
import { flat, logAnswers } from "./kurrentdb-log.ts";
import type { Fault } from "./port.ts";

const deleted = "the stream was deleted";

/** The server's answer to reads of, and appends to, a stream that has a tombstone. */
export const isTombstone = (error: unknown): boolean =>
  error instanceof Error &&
  isCommandError(error) &&
  (error.type === KurrentDbError.STREAM_DELETED || error.type === KurrentDbError.STREAM_TOMBSTONED);

export const tombstone = (stream: string): Fault => incomplete(stream, 0n, null, `${deleted} for ever`);
export const missing = (stream: string, from: bigint): Fault =>
  incomplete(stream, from, null, `the server knows no event of it, and it had ${from}`);
export const emptied = (stream: string): Fault => incomplete(stream, 0n, null, "all its events are gone");

/**
 * The fault of a stream that the server does not find: one that was deleted, and may be begun anew, has a mark in its
 * metadata. Null for one that never was.
 */
export const deletion = async (
  connection: KurrentDbConnection,
  stream: string,
  deadline: Deadline,
): Promise<Fault | null> => {
  const request = { of: "stream", stream: `$$${connection.namePrefix}${stream}`, backwards: true, count: 1 } as const;
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const answer of flat(connection.read(request, { first: deadline }))) {
        if (answer.kind === "metadata" && answer.metadata.$tb !== undefined) {
          return incomplete(stream, 0n, null, deleted);
        }
      }
      return null;
    } catch (error) {
      // Whoever may not read metadata learns of the deletion from the append.
      if (error instanceof Error && isCommandError(error) && error.type === KurrentDbError.ACCESS_DENIED) return null;
      await connection.again(error, attempt, deadline);
    }
  }
};

/**
 * Streams of ours whose beginning the server withholds or has thrown away. The log shows the events until they are
 * scavenged, so it alone does not tell.
 */
async function* shortened(connection: KurrentDbConnection, streams: readonly string[]): AsyncGenerator<Fault> {
  const cut = new Set<string>();
  const marks = streams.map((begin) => `$$${begin}`);
  for await (const answer of flat(logAnswers(connection, { streams: marks }))) {
    if (answer.kind !== "metadata") continue;
    const { $tb, $maxCount, $maxAge } = answer.metadata;
    const cuts = $tb !== undefined || $maxCount !== undefined || $maxAge !== undefined;
    if (cuts) cut.add(answer.stream.slice(connection.namePrefix.length));
    else cut.delete(answer.stream.slice(connection.namePrefix.length));
  }
  for (const stream of cut) {
    const fault = await beginning(connection, stream);
    if (fault !== null) yield fault;
  }
}

/** What is wrong with the beginning of a stream; null for nothing. */
export const beginning = async (connection: KurrentDbConnection, stream: string): Promise<Fault | null> => {
  const deadline = connection.deadline();
  const request = { of: "stream", stream: `${connection.namePrefix}${stream}`, count: 1 } as const;
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const answer of flat(connection.read(request, { first: deadline }))) {
        if (answer.kind === "streamNotFound") return await deletion(connection, stream, deadline);
        if (answer.kind !== "event") continue;
        const { revision, position } = answer.event;
        return revision === 0n ? null : cutAt(stream, revision, position);
      }
      return emptied(stream);
    } catch (error) {
      if (isTombstone(error)) return tombstone(stream);
      await connection.again(error, attempt, deadline);
    }
  }
};

const cutAt = (stream: string, revision: bigint, position: string): Fault =>
  incomplete(stream, revision, position, `it begins at revision ${revision}`);

/** All faults of our streams, one a stream. `log` is all that the server shows of them. */
export async function* examineHistories(
  connection: KurrentDbConnection,
  streams: readonly string[],
  log: AsyncIterable<FoundEvent>,
): AsyncGenerator<Fault> {
  const told = new Set<string>();
  for await (const fault of faultsIn(log)) {
    told.add(fault.stream);
    yield fault;
  }
  for await (const fault of shortened(connection, streams)) {
    if (!told.has(fault.stream)) yield fault;
  }
}
