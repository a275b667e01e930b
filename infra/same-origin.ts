/**
 * Whether a request comes from no web page, or from a page of this very host: a page of another site can send simple
 * requests to servers on its reader's machine, and must not act there.
 */
export const isSameOrigin = ({ origin, host }: { origin?: string; host?: string }): boolean =>
  origin === undefined || URL.parse(origin)?.host === host;
