import type { CollectionName, Collections, Documents } from "../../../projections/documents/types.ts";
import {
  comparator,
  matcher,
  parseFilter,
  parseOrder,
  type SearchKind,
  type Values,
} from "../../../projections/tracking/index.ts";
import { MillraceError } from "../../../schemas/errors.ts";

const PAGE = 1000;

/** Every document of a project, page by page; of runs and logged models, those of one experiment. */
export const everyDocument = async <C extends CollectionName>(
  documents: Documents,
  collection: C,
  project: string,
  experiment?: string,
): Promise<Collections[C][]> => {
  const found: Collections[C][] = [];
  for (let after: string | undefined; ; ) {
    const within = experiment === undefined ? {} : { experiment };
    const page = await documents.list(collection, project, { first: PAGE, after, ...within });
    found.push(...page.items.map(({ node }) => node));
    after = page.items.at(-1)?.cursor;
    if (!page.hasNext || after === undefined) return found;
  }
};

export type ListSearch = {
  filter?: string;
  order_by: readonly string[];
  max_results: number;
  page_token?: string;
};

const encodePlace = (place: number): string => Buffer.from(String(place)).toString("base64url");

const decodePlace = (token: string | undefined): number => {
  if (token === undefined || token === "") return 0;
  const place = Number(Buffer.from(token, "base64url").toString() || "x");
  if (Number.isSafeInteger(place) && place > 0) return place;
  throw new MillraceError("BAD_REQUEST", "page_token: not a token of this search; leave it out to start");
};

/** The page of a list that a token stands for; no token of a next one at the end. BAD_REQUEST. */
export const pageOf = <T>(
  found: readonly T[],
  { max_results, page_token }: Pick<ListSearch, "max_results" | "page_token">,
): { page: T[]; next: string | undefined } => {
  const from = decodePlace(page_token);
  const end = from + max_results;
  return { page: found.slice(from, end), next: end < found.length ? encodePlace(end) : undefined };
};

/** One page of what meets the filter, in the order asked and then in `otherwise`; no token of a next one at the end. */
export const searchList = <T>(
  kind: SearchKind,
  items: readonly T[],
  valuesOf: (item: T) => Values,
  search: ListSearch,
  otherwise: readonly string[],
): { page: T[]; next: string | undefined } => {
  const matches = matcher(parseFilter(kind, search.filter));
  const compareAsked = comparator(parseOrder(kind, search.order_by));
  const compareRest = comparator(parseOrder(kind, otherwise));
  const found = items
    .map((item) => ({ item, values: valuesOf(item) }))
    .filter(({ values }) => matches(values))
    .sort((a, b) => compareAsked(a.values, b.values) || compareRest(a.values, b.values));
  const { page, next } = pageOf(found, search);
  return { page: page.map(({ item }) => item), next };
};

export const oneValue = (value: string | number | null | undefined): readonly (string | number)[] =>
  value === null || value === undefined ? [] : [value];

export const ownValue = (values: Readonly<Record<string, string>>, key: string): readonly string[] =>
  Object.hasOwn(values, key) ? [values[key]] : [];
