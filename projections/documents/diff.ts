import { canonicalJson } from "../../schemas/canonical-json.ts";
import type { DocumentBase } from "./types.ts";

/** One difference. `path` is a JSON Pointer (RFC 6901), empty for the whole document; a missing value is null. */
export type FieldChange = { op: "add" | "remove" | "replace"; path: string; before: unknown; after: unknown };

/** Every change moves these; who and when stand beside the differences. */
const bookkeeping = new Set(["position", "revision", "updatedAt", "updatedBy"]);

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const pointer = (path: string, key: string): string => `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

const compare = (before: unknown, after: unknown, path: string, out: FieldChange[]): void => {
  if (before === undefined) out.push({ op: "add", path, before: null, after });
  else if (after === undefined) out.push({ op: "remove", path, before, after: null });
  else if (isFields(before) && isFields(after)) compareFields(before, after, path, out);
  else if (Array.isArray(before) && Array.isArray(after)) {
    compareFields(before as unknown as Fields, after as unknown as Fields, path, out);
  } else if (canonicalJson(before) !== canonicalJson(after)) out.push({ op: "replace", path, before, after });
};

const compareFields = (before: Fields, after: Fields, path: string, out: FieldChange[]): void => {
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (path === "" && bookkeeping.has(key)) continue;
    const [one, other] = [Object.hasOwn(before, key), Object.hasOwn(after, key)];
    compare(one ? before[key] : undefined, other ? after[key] : undefined, pointer(path, key), out);
  }
};

/** What differs between two states of a document, field by field, elements of lists by their place. */
export const diffDocuments = (before: DocumentBase | null, after: DocumentBase | null): FieldChange[] => {
  const out: FieldChange[] = [];
  if (before !== null || after !== null) compare(before ?? undefined, after ?? undefined, "", out);
  return out;
};
