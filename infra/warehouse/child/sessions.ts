import { exception } from "./exception.ts";
import type { AskedSession } from "./request.ts";
import type { Client } from "./users.ts";

/** What `SET` and `USE` have said; statements with the session's name run under it. */
export type Session = { readonly settings: Map<string, string>; database: string | null };

export type Sessions = {
  /** The session of this client with that name, a new one where there is none. SESSION_NOT_FOUND, TOO_MANY_SESSIONS. */
  of(client: Client, asked: AskedSession): Session;
};

const most = 1000;

/** Sessions end when nothing has come for them for their timeout. Statements of one session do not exclude each other. */
export const openSessions = (clock: () => number = () => performance.now()): Sessions => {
  const held = new Map<string, { session: Session; until: number }>();
  return {
    of(client, { id, mustBe, timeoutMs }) {
      const now = clock();
      for (const [key, { until }] of held) if (until <= now) held.delete(key);
      const key = `${client} ${id}`;
      const found = held.get(key)?.session;
      if (found === undefined && mustBe) throw exception(404, 372, "SESSION_NOT_FOUND", "Session not found");
      if (found === undefined && held.size >= most) {
        throw exception(503, 203, "NO_FREE_CONNECTION", `There are ${most} sessions: end some, or wait`);
      }
      const session = found ?? { settings: new Map(), database: null };
      held.set(key, { session, until: now + timeoutMs });
      return session;
    },
  };
};
