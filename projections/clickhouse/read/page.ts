import { MillraceError } from "../../../schemas/errors.ts";
import { type Conditions, conditions } from "./ask.ts";

export type WarehousePage<T> = { items: { cursor: string; node: T }[]; hasNext: boolean };

export type PageOptions = {
  first: number;
  /** Opaque cursor of the last item seen. */
  after?: string;
  /** Newest first. */
  reverse?: boolean;
};

/** One column of a list's order: its expression and type in SQL, and its value in a row. */
export type SortKey<Row> = {
  sql: string;
  type: "Int64" | "Int32" | "UInt64" | "String";
  of(row: Row): string | number;
};

export type Paging<Row> = {
  /** Condition that is true behind the cursor. */
  where: Conditions;
  /** ORDER BY and LIMIT: one row more than asked for tells whether there is a next page. */
  order: string;
  page(rows: Row[]): WarehousePage<Row>;
};

/** Keyset paging: a cursor is the last row's place in the order, so pages neither skip nor repeat. */
export const paging = <Row>(options: PageOptions, keys: readonly SortKey<Row>[]): Paging<Row> => {
  const where = conditions();
  const direction = options.reverse === true ? "DESC" : "ASC";
  if (options.after !== undefined) {
    const values = decode(options.after, keys.length);
    const place = keys.map((key, i) => `{after${i}:${key.type}}`).join(", ");
    const here = keys.map((key) => key.sql).join(", ");
    keys.forEach((_, i) => {
      const comparison = `(${here}) ${options.reverse === true ? "<" : ">"} (${place})`;
      // The comparison names every parameter, so it is added once.
      where.add(i === 0 ? comparison : "1", `after${i}`, values[i]);
    });
  }
  return {
    where,
    order: `ORDER BY ${keys.map((key) => `${key.sql} ${direction}`).join(", ")} LIMIT ${Math.trunc(options.first) + 1}`,
    page: (rows) => ({
      items: rows.slice(0, options.first).map((node) => ({ cursor: encode(keys.map((key) => key.of(node))), node })),
      hasNext: rows.length > options.first,
    }),
  };
};

const encode = (values: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(values)).toString("base64url");

const decode = (cursor: string, length: number): (string | number)[] => {
  const refuse = (cause?: unknown): never => {
    throw new MillraceError("BAD_REQUEST", "after: not a cursor that this list gave; leave it out to start", { cause });
  };
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    const isPlace = (value: unknown): value is string | number =>
      typeof value === "string" || Number.isSafeInteger(value);
    return Array.isArray(values) && values.length === length && values.every(isPlace) ? values : refuse();
  } catch (error) {
    return refuse(error);
  }
};
