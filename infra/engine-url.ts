import { MillraceError } from "../schemas/errors.ts";

/** A URL as it may be shown: without user and password, and without what a parameter's name says is secret. */
export const withoutCredentials = (url: string): string =>
  url.replace(/\/\/[^@/]*@/, "//***@").replace(/([?&][^=&]*(?:secret|password|token)[^=&]*=)[^&]*/gi, "$1***");

/** Where clients connect, and as whom. */
export type EngineAccess = { url: string; user: string; password: string };

/**
 * The adapter that the scheme of a setting's URL picks. INVALID_SETTING names the setting and the schemes that
 * there are.
 */
export const engineOf = <Open>(setting: string, url: string, adapters: ReadonlyMap<string, Open>): Open => {
  const open = adapters.get(url.slice(0, Math.max(0, url.indexOf(":"))).toLowerCase());
  if (open !== undefined) return open;
  const schemes = [...adapters.keys()].map((scheme) => `${scheme}:`).join(", ");
  throw new MillraceError(
    "INVALID_SETTING",
    `${setting}: "${withoutCredentials(url)}" names no engine that is known: use one of ${schemes}`,
    {
      details: { setting, url: withoutCredentials(url) },
    },
  );
};
