import { createHash, timingSafeEqual } from "node:crypto";
import { type Actor, localAdmin } from "../commands/gate.ts";
import type { Credentials } from "../graphql/deps.ts";
import type { Settings } from "../infra/config.ts";
import { isLoopback } from "../infra/web-origin.ts";
import { MillraceError } from "../schemas/errors.ts";

export type Authenticate = (credentials: Credentials) => Promise<Actor>;

const bearer = /^Bearer +(\S+) *$/i;

/** Of equal length whatever went in, as `timingSafeEqual` wants it. */
const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** INVALID_SETTING where other machines could reach the doors and nothing would be asked of them. */
export const requireToken = ({ host, apiToken, allowAnonymous }: Settings): void => {
  if (apiToken !== "" || allowAnonymous || isLoopback(host)) return;
  throw new MillraceError(
    "INVALID_SETTING",
    `HOST ${host} is reachable from other machines and no API_TOKEN is set: whoever reached it would be an ` +
      "administrator. Set API_TOKEN, listen on 127.0.0.1, or say ALLOW_ANONYMOUS=true",
  );
};

/**
 * Who asks, until there are users: with a token, whoever carries it; without one, everybody who reaches the doors.
 * Both are the local administrator. UNAUTHENTICATED, which does not tell a wrong token from a missing one.
 */
export const authenticateBy = ({ apiToken }: Pick<Settings, "apiToken">): Authenticate => {
  if (apiToken === "") return async () => localAdmin;
  const wanted = digest(apiToken);
  return async ({ headers }) => {
    const { authorization } = headers;
    const given = typeof authorization === "string" ? bearer.exec(authorization)?.[1] : undefined;
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return localAdmin;
    throw new MillraceError("UNAUTHENTICATED", "send the platform's API_TOKEN as Authorization: Bearer TOKEN");
  };
};
