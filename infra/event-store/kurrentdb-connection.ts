import { setTimeout as delay } from "node:timers/promises";
import { KurrentDBClient } from "@kurrent/kurrentdb-client";
import { MillraceError } from "../../schemas/errors.ts";
import { isPassing, kurrentDbError } from "./kurrentdb-errors.ts";
import { invalidEventStore, kurrentDbSetting } from "./kurrentdb-setting.ts";

export type KurrentDbConnection = {
  /** One request, no longer than a bound. ENGINE_UNAVAILABLE then; other errors as the client throws them. */
  once<T>(request: (client: KurrentDBClient) => Promise<T>): Promise<T>;
  /** A request that may be sent again: some times over, while the failure may pass. Errors with our codes. */
  ask<T>(request: (client: KurrentDBClient) => Promise<T>): Promise<T>;
  /** An error of the client with our code. */
  coded(error: unknown): MillraceError;
  /** Aborted when the store closes. */
  closing: AbortSignal;
  client: KurrentDBClient;
  close(): Promise<void>;
};

/** Milliseconds before each further attempt. */
const pauses = [100, 300, 1000, 2000];
const answerMs = 15_000;

/** INVALID_SETTING. Connects when first asked. */
export const kurrentDbConnection = (url: string): KurrentDbConnection => {
  const { connectionString, where } = kurrentDbSetting(url);
  const client = clientOf(connectionString);
  const closing = new AbortController();

  const once = async <T>(request: (client: KurrentDBClient) => Promise<T>): Promise<T> => {
    const answered = new AbortController();
    const late = delay(answerMs, undefined, { signal: answered.signal, ref: false }).then(() => {
      throw new MillraceError("ENGINE_UNAVAILABLE", `KurrentDB at ${where} did not answer within ${answerMs} ms`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([request(client), late]);
    } finally {
      answered.abort();
    }
  };

  return {
    client,
    closing: closing.signal,
    once,
    coded: (error) => kurrentDbError(error, where),
    async ask(request) {
      for (let tries = 0; ; tries++) {
        try {
          return await once(request);
        } catch (error) {
          const isLast = tries === pauses.length || closing.signal.aborted;
          if (isLast || !isPassing(error)) throw kurrentDbError(error, where);
          await delay(pauses[tries] * (0.5 + Math.random()), undefined, { signal: closing.signal }).catch(() => {});
        }
      }
    },
    async close() {
      closing.abort();
      await client.dispose();
    },
  };
};

const clientOf = (connectionString: string): KurrentDBClient => {
  try {
    return KurrentDBClient.connectionString(connectionString);
  } catch {
    // The client's own message repeats parts of the string.
    throw invalidEventStore("the client does not understand it; user and password must be percent-encoded");
  }
};
