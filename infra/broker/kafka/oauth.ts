import { MillraceError } from "../../../schemas/errors.ts";

/** Answers a bearer token that is still good for a while. */
export type TokenSource = () => Promise<{ value: string }>;

const earlyMs = 30_000;

/** Tokens by the client credentials grant (RFC 6749, 4.4), kept until shortly before they expire. */
export const tokenSource = (
  endpoint: string,
  clientId: string,
  clientSecret: string,
  scope: string | null,
): TokenSource => {
  let held: { value: string; until: number } | null = null;
  return async () => {
    if (held !== null && Date.now() < held.until) return { value: held.value };
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64");
    const answer = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `Basic ${basic}`, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "client_credentials", ...(scope === null ? {} : { scope }) }),
      signal: AbortSignal.timeout(10_000),
    }).catch((error) => {
      throw new MillraceError("ENGINE_UNAVAILABLE", "BROKER: the server of oauth-token-url does not answer", {
        cause: error,
      });
    });
    const body = (await answer.json().catch(() => ({}))) as { access_token?: string; expires_in?: number };
    if (!answer.ok || typeof body.access_token !== "string") {
      throw new MillraceError(
        "ENGINE_REFUSED",
        `BROKER: the server of oauth-token-url gives no token (status ${answer.status}): check user and password`,
      );
    }
    held = { value: body.access_token, until: Date.now() + (body.expires_in ?? 60) * 1000 - earlyMs };
    return { value: held.value };
  };
};
