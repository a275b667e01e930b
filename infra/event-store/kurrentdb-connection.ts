import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { KurrentDBClient } from "@kurrent/kurrentdb-client";
import { convertToCommandError } from "@kurrent/kurrentdb-client/dist/utils/CommandError.js";
import { StreamsClient } from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js";
import { MillraceError } from "../../schemas/errors.ts";
import { isPassing, kurrentDbError } from "./kurrentdb-errors.ts";
import { encodeRequest, type ReadRequest } from "./kurrentdb-request.ts";
import { invalidEventStore, kurrentDbSetting } from "./kurrentdb-setting.ts";
import { type Answer, decodeAnswer } from "./kurrentdb-wire.ts";
import { comparePositions, type Position, START } from "./port.ts";

/** Milliseconds of `performance.now()` at which whoever asked is told that the server does not answer. */
export type Deadline = { readonly at: number };

export type KurrentDbConnection = {
  /** Name of our stream -> its name on the server, which begins with this. */
  namePrefix: string;
  /** The newest position that was read or written here. */
  newest(): Position;
  saw(position: Position): void;
  /** What was seen is of another log. */
  forget(): void;
  /** The time that a call has, from now on. */
  deadline(): Deadline;
  /** One request. ENGINE_UNAVAILABLE at the deadline; other errors as the client throws them. */
  once<T>(deadline: Deadline, request: (client: KurrentDBClient) => Promise<T>): Promise<T>;
  /**
   * One read; answers come as fast as they are taken, as many at once as there are (hardly over a dozen), and are waited for `patienceMs` (how long a call may take) each,
   * those of a subscription for ever. ENGINE_UNAVAILABLE then, and when it is not begun at the deadline; CLOSED; other
   * errors as the client throws them.
   */
  read(
    request: ReadRequest,
    options: { first: Deadline; patienceMs?: number; stop?: AbortSignal },
  ): AsyncGenerator<Answer[]>;
  /**
   * Waits before the next attempt. Throws the failure with our code when it will not pass, when nothing would be left
   * of the time, or when the store closes.
   */
  again(error: unknown, attempt: number, deadline: Deadline): Promise<void>;
  /** An error of the client with our code. */
  coded(error: unknown): MillraceError;
  /** Aborted when the store closes. */
  closing: AbortSignal;
  close(): Promise<void>;
};

/**
 * How long a read of the whole log waits for one event, milliseconds: the server looks through those of others in
 * between. One that hangs is noticed by the connection's pings before.
 */
export const scanMs = 60_000;

/** Before each further attempt. */
const pausesMs = [100, 300, 1000, 2000];

/**
 * What is used of the client below its public face. Its own reads go through a native part, which waits 44 ms for each
 * first answer (KurrentDB-Client-Rust #232) and does not decode the credentials of the connection string; its
 * subscriptions and appends go this way.
 */
type ClientInside = {
  GRPCStreamCreator(kind: unknown, name: string, create: (client: Caller) => ReadCall): () => Promise<ReadCall>;
  callArguments(options: { requiresLeader: boolean }, call: { deadline: number }): [metadata: object, options: object];
};
/** The part of `@grpc/grpc-js`'s client that is used of `StreamsClient`. */
type Caller = {
  makeServerStreamRequest(
    path: string,
    encode: (request: ReadRequest) => Buffer,
    decode: (bytes: Buffer) => Answer,
    request: ReadRequest,
    metadata: object,
    options: object,
  ): ReadCall;
};
type ReadCall = Readable & { cancel(): void };

/** INVALID_SETTING. Connects when first asked. `answerMs`: how long a call may take, all attempts together. */
export const kurrentDbConnection = (url: string, answerMs: number): KurrentDbConnection => {
  const { connectionString, where, namePrefix } = kurrentDbSetting(url);
  const client = clientOf(connectionString);
  const inside = client as unknown as ClientInside;
  const closing = new AbortController();
  let newest = START;
  const coded = (error: unknown): MillraceError => kurrentDbError(error, where);
  const noAnswer = (): MillraceError =>
    new MillraceError("ENGINE_UNAVAILABLE", `KurrentDB at ${where} did not answer within ${answerMs} ms; try again`);

  const once: KurrentDbConnection["once"] = async (deadline, request) => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(noAnswer()), Math.max(0, deadline.at - performance.now()));
    try {
      return await Promise.race([request(client), late]);
    } finally {
      clearTimeout(timer);
    }
  };

  const open = inside.GRPCStreamCreator.bind(client);
  const call = (request: ReadRequest): Promise<ReadCall> =>
    open(StreamsClient, "read", (streams) => {
      // A follower may lack what was just written.
      const [metadata, options] = inside.callArguments(
        { requiresLeader: true },
        { deadline: Number.POSITIVE_INFINITY },
      );
      return streams.makeServerStreamRequest(
        "/event_store.client.streams.Streams/Read",
        encodeRequest,
        decodeAnswer,
        request,
        metadata,
        options,
      );
    })();

  return {
    namePrefix,
    newest: () => newest,
    saw(position) {
      if (comparePositions(position, newest) > 0) newest = position;
    },
    forget() {
      newest = START;
    },
    closing: closing.signal,
    deadline: () => ({ at: performance.now() + answerMs }),
    once,
    coded,
    async *read(request, { first, patienceMs, stop = closing.signal }) {
      const answers = await once(first, () => call(request));
      const firstMs = patienceMs ?? Math.max(0, first.at - performance.now());
      const patience = request.of === "subscription" ? null : { firstMs, nextMs: patienceMs ?? answerMs };
      yield* answersOf(answers, { stop, noAnswer, patience });
      if (stop === closing.signal && stop.aborted) throw new MillraceError("CLOSED", "the event store is closed");
    },
    async again(error, attempt, deadline) {
      const pauseMs = pausesMs[Math.min(attempt, pausesMs.length) - 1] * (0.5 + Math.random());
      const isLast = performance.now() + pauseMs >= deadline.at || closing.signal.aborted;
      if (isLast || !isPassing(error)) throw coded(error);
      await delay(pauseMs, undefined, { signal: closing.signal }).catch(() => {});
    },
    async close() {
      closing.abort();
      await client.dispose();
    },
  };
};

type Waiting = {
  stop: AbortSignal;
  noAnswer(): MillraceError;
  /** For the first answer and for each further one; null waits as long as it takes. */
  patience: { firstMs: number; nextMs: number } | null;
};

/** The answers of a call in order. Ends with the call or at `stop`; leaving the loop cancels the call. */
async function* answersOf(call: ReadCall, { stop, noAnswer, patience }: Waiting): AsyncGenerator<Answer[]> {
  let failure: unknown;
  let ended = false;
  let wake = (): void => {};
  const fail = (error: unknown): void => {
    failure ??= error;
    wake();
  };
  const end = (): void => {
    ended = true;
    wake();
  };
  call.on("error", (error) => fail(convertToCommandError(error)));
  call.on("readable", () => wake());
  call.on("end", end);
  stop.addEventListener("abort", end, { once: true });
  let waitMs = patience?.firstMs;
  let timer: NodeJS.Timeout | undefined;
  try {
    while (!stop.aborted) {
      const answers: Answer[] = [];
      for (let answer = call.read(); answer !== null; answer = call.read()) answers.push(answer as Answer);
      if (answers.length > 0) {
        waitMs = patience?.nextMs;
        yield answers;
        continue;
      }
      if (failure !== undefined) throw failure;
      if (ended) return;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (waitMs !== undefined) timer = setTimeout(() => fail(noAnswer()), waitMs);
      await woken;
      clearTimeout(timer);
    }
  } finally {
    stop.removeEventListener("abort", end);
    call.cancel();
    // What has come and nobody takes would keep the call open.
    call.destroy();
  }
}

const clientOf = (connectionString: string): KurrentDBClient => {
  try {
    return KurrentDBClient.connectionString(connectionString);
  } catch {
    // The client's own message repeats parts of the string.
    throw invalidEventStore("the client does not understand it; user and password must be percent-encoded");
  }
};
