import type { ModelDocument } from "../../../projections/documents/types.ts";
import {
  comparator,
  matcher,
  parseFilter,
  parseOrder,
  type SearchKind,
  type Values,
} from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";
import type { RegisteredVersion } from "./registry-reads.ts";

export type SearchRequest = { filter?: string; order_by: string[]; max_results: number; page_token?: string };

type Attributes = Readonly<Record<string, string | number | null>>;

/** Prompts are kept as models with this tag. What lacks it is none, and only who asks for prompts is given them. */
const PROMPT_TAG = "mlflow.prompt.is_prompt";
const NO_PROMPTS = `tag.\`${PROMPT_TAG}\` != 'true'`;

const withoutPrompts = (filter = ""): string => {
  if (filter.includes(PROMPT_TAG)) return filter;
  return filter.trim() === "" ? NO_PROMPTS : `${filter} AND ${NO_PROMPTS}`;
};

const valuesOf =
  (attributes: Attributes, tags: Readonly<Record<string, string>>): Values =>
  ({ entity, key }) => {
    const value = entity === "tag" ? (tags[key] ?? (key === PROMPT_TAG ? "false" : undefined)) : attributes[key];
    return value === undefined || value === null ? [] : [value];
  };

const timesOf = ({ createdAt, updatedAt }: { createdAt: number; updatedAt: number }) => ({
  creation_timestamp: createdAt,
  last_updated_timestamp: updatedAt,
});

export const modelValues = (model: ModelDocument): Values =>
  valuesOf({ name: model.id, ...timesOf(model) }, model.tags);

export const versionValues = ({ version }: RegisteredVersion): Values =>
  valuesOf(
    {
      name: version.model,
      run_id: version.run,
      source_path: version.source,
      version_number: version.version,
      ...timesOf(version),
    },
    version.tags,
  );

const encodePlace = (place: number): string => Buffer.from(String(place)).toString("base64url");

const decodePlace = (token: string | undefined): number => {
  if (token === undefined) return 0;
  const place = Number(Buffer.from(token, "base64url").toString() || "x");
  if (Number.isSafeInteger(place) && place > 0) return place;
  throw new MillraceError("BAD_REQUEST", "page_token: not a token of this search; leave it out to start");
};

/** One page of what meets the filter, in the order asked and then in `otherwise`; the token of the next, "" at the end. */
export const searchPage = <T>(
  kind: SearchKind,
  items: readonly T[],
  valuesOfItem: (item: T) => Values,
  request: SearchRequest,
  otherwise: readonly string[],
): { page: T[]; next: string } => {
  const matches = matcher(parseFilter(kind, withoutPrompts(request.filter)));
  const compareAsked = comparator(parseOrder(kind, request.order_by));
  const compareRest = comparator(parseOrder(kind, otherwise));
  const found = items
    .map((item) => ({ item, values: valuesOfItem(item) }))
    .filter(({ values }) => matches(values))
    .sort((a, b) => compareAsked(a.values, b.values) || compareRest(a.values, b.values));
  const from = decodePlace(request.page_token);
  const end = from + request.max_results;
  return {
    page: found.slice(from, end).map(({ item }) => item),
    next: end < found.length ? encodePlace(end) : "",
  };
};
