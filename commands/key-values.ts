import { refused } from "./refusals.ts";

export type KeyValues = ReadonlyMap<string, string>;

/** The values that are new or other than before; null when there are none. */
export const changedIn = (known: KeyValues, wanted: Record<string, string>): Record<string, string> | null => {
  const changed = Object.entries(wanted).filter(([key, value]) => known.get(key) !== value);
  return changed.length === 0 ? null : Object.fromEntries(changed);
};

/** The parameters that are new; null when there are none. ILLEGAL_STATE for one that has another value already. */
export const newParams = (
  known: KeyValues,
  wanted: Record<string, string>,
  what: string,
): Record<string, string> | null => {
  const added = changedIn(known, wanted);
  for (const key of Object.keys(added ?? {})) {
    const before = known.get(key);
    if (before === undefined) continue;
    throw refused(
      `${what} has parameter "${key}" with value "${shown(before)}"; parameters do not change, so it cannot become "${shown(wanted[key])}"`,
    );
  }
  return added;
};

const SHOWN = 200;

const shown = (value: string): string => (value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);

export const keyValues = (values: Record<string, string>): KeyValues => new Map(Object.entries(values));

export const withValues = (known: KeyValues, values: Record<string, string>): KeyValues => {
  const next = new Map(known);
  for (const [key, value] of Object.entries(values)) next.set(key, value);
  return next;
};

export const withoutKey = (known: KeyValues, key: string): KeyValues => {
  const next = new Map(known);
  next.delete(key);
  return next;
};
