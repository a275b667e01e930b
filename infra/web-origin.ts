import { isIP } from "node:net";
import type { Settings } from "./config.ts";

/** Headers in which browsers say where a request comes from and which name they know the server by. */
export type OriginHeaders = {
  host?: string;
  origin?: string;
  "sec-fetch-site"?: string | string[];
  "sec-fetch-mode"?: string | string[];
  "sec-fetch-dest"?: string | string[];
};

/** In a list of allowed hosts: every `Host`. It lets no page in, for a page shows its `Origin`. */
const ANY_HOST = "*";

/** Names that only this machine can mean, with the port that is listened on. */
export const loopbackHosts = (port: number): string[] =>
  ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port}`);

/**
 * The hosts that a server on `port` answers to: the loopback names, HOST's own, and ALLOWED_HOSTS. Any host where a
 * token is asked for and no ALLOWED_HOSTS is set: behind a service or proxy the names are not known, and a page that
 * reaches the server under a name of its own (DNS rebinding) does not have the token.
 */
export const hostsOf = (
  { host, apiToken, allowedHosts }: Pick<Settings, "host" | "apiToken" | "allowedHosts">,
  port: number,
): string[] => {
  const own = `${isIP(host) === 6 ? `[${host}]` : host.toLowerCase()}:${port}`;
  const isOpen = apiToken !== "" && allowedHosts.length === 0 && !isLoopback(host);
  return [...loopbackHosts(port), own, ...allowedHosts, ...(isOpen ? [ANY_HOST] : [])];
};

/** Whether only this machine reaches an address to listen on. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

/** An entry without a port stands for every port; a host without one has its scheme's. */
const isAmong = (host: string, allowed: readonly string[]): boolean => {
  const given = host.toLowerCase();
  const name = given.replace(/:\d+$/, "");
  const ports = name === given ? [`${name}:80`, `${name}:443`] : [given];
  return [name, ...ports].some((each) => allowed.includes(each));
};

/** Why a server does not answer to this `Host`; null where it does. */
export const refusedHost = ({ host }: OriginHeaders, allowedHosts: readonly string[]): string | null => {
  if (allowedHosts.includes(ANY_HOST) || (host !== undefined && isAmong(host, allowedHosts))) return null;
  return `this server does not answer to the host ${shown(host)}; if it is one of its names, add it to ALLOWED_HOSTS`;
};

/**
 * Why a request is refused that a page of another site may have sent, as a sentence; null where it comes from no page,
 * or from one of an allowed host. Every browser sends requests to servers on its reader's machine when a page asks for
 * it, and knows them by any name that the page's owner points there. So the name itself is checked (`Host`), the page
 * (`Origin`, against the same list, never against the request's own `Host`), and what the browser says of both
 * (`Sec-Fetch-Site`), which it also sends for images, scripts and links, that carry no `Origin`.
 */
export const refusedOrigin = (headers: OriginHeaders, allowedHosts: readonly string[]): string | null => {
  const host = refusedHost(headers, allowedHosts);
  if (host !== null) return host;
  const { origin } = headers;
  const page = origin === undefined ? null : (URL.parse(origin)?.host ?? "");
  if (page !== null && !isAmong(page, allowedHosts)) {
    return `pages of ${shown(origin)} may not ask this server; if they are its own, add their host to ALLOWED_HOSTS`;
  }
  const site = headers["sec-fetch-site"];
  const isKnown = site === undefined || site === "same-origin" || site === "none";
  // A page of another allowed host is of another site, and says so.
  if (isKnown || (page !== null && page !== headers.host?.toLowerCase())) return null;
  return `a page of another site (Sec-Fetch-Site: ${shown(String(site))}) may not ask this server`;
};

/** Whether a browser opens an address as a page of its own, and not inside another one. */
export const isNavigation = (headers: OriginHeaders): boolean =>
  headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";

const shown = (text: string | undefined): string =>
  text === undefined ? "(none)" : JSON.stringify(text.slice(0, 100));
