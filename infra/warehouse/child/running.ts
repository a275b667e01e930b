import { exception } from "./exception.ts";
import type { Client } from "./users.ts";

/** The statements that run or wait, by the names that their clients gave them. */
export type Running = {
  /** Until `end` is called. QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING. */
  begin(queryId: string, client: Client, cancel: (reason: Error) => void): { end(): void };
  /** Cancels one of the client's own; whether there was one. */
  kill(queryId: string, client: Client): boolean;
};

export const runningQueries = (): Running => {
  const held = new Map<string, { client: Client; cancel: (reason: Error) => void }>();
  return {
    begin(queryId, client, cancel) {
      if (held.has(queryId)) {
        const message = `Query with id = ${queryId} is already running.`;
        throw exception(400, 216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", message);
      }
      held.set(queryId, { client, cancel });
      return { end: () => void held.delete(queryId) };
    },
    kill(queryId, client) {
      const found = held.get(queryId);
      if (found === undefined || (client === "guest" && found.client !== "guest")) return false;
      found.cancel(exception(500, 394, "QUERY_WAS_CANCELLED", "Query was cancelled"));
      return true;
    },
  };
};
