import { MillraceError } from "../../schemas/errors.ts";
import type { builder } from "../builder.ts";
import { pageSize } from "../limits/page-size.ts";
import { given } from "./warehouse.ts";

type ArgumentBuilder = Parameters<Parameters<typeof builder.queryFields>[0]>[0];

/** Of a list that can be read from either end. */
export const pageArguments = (t: ArgumentBuilder) => ({
  first: t.arg.int({ description: "20 without it." }),
  after: t.arg.string(),
  last: t.arg.int({ description: "Instead of `first`: the end of the list, or what comes before `before`." }),
  before: t.arg.string(),
  reverse: t.arg.boolean({ defaultValue: false, description: "Turns the whole list round." }),
});

export type PageArguments = {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
  reverse?: boolean | null;
};

/** What is asked of a store that reads a list from a cursor on, either way. */
export type WantedPage = {
  query: { first: number; after?: string; reverse: boolean };
  /** The store reads from the list's end: its items come the other way round. */
  isBackward: boolean;
  hasCursor: boolean;
};

/**
 * A page by Relay's arguments: `first` and `after`, or `last` and `before`. BAD_REQUEST for both at once, which Relay
 * advises against, since no list can be cut at either end by one read.
 */
export const wantedPage = ({ first, after, last, before, reverse }: PageArguments): WantedPage => {
  const isBackward = last != null || before != null;
  if (isBackward && (first != null || after != null)) {
    throw new MillraceError("BAD_REQUEST", "first and after, or last and before: a page is read from one end");
  }
  const cursor = (isBackward ? before : after) ?? undefined;
  const size = isBackward ? pageSize(last, "last") : pageSize(first);
  const query = {
    first: size,
    ...(cursor === undefined ? {} : { after: cursor }),
    reverse: (reverse ?? false) !== isBackward,
  };
  return { query, isBackward, hasCursor: cursor !== undefined };
};

/** The arguments of a list as a store takes them: what to filter by, and the page. */
export const pagedQuery = <Arguments extends PageArguments>(args: Arguments) => {
  const { first: _, after: __, last: ___, before: ____, reverse: _____, ...filter } = args;
  const page = wantedPage(args);
  return { page, query: { ...given(filter), ...page.query } };
};
