import type { Warehouse } from "../../../infra/warehouse/open.ts";
import type { AsOfReader } from "../../documents/as-of.ts";
import { nameFields, VERSION_DIGITS } from "../../documents/keys.ts";
import { ask } from "./ask.ts";
import { paging, type SortKey } from "./page.ts";

type Found = { id: string; doc: string; place: string | number };

const fieldText = ({ field, isNumber }: { field: string; isNumber?: boolean }): string =>
  isNumber
    ? `leftPad(toString(JSONExtractInt(doc, '${field}')), ${VERSION_DIGITS}, '0')`
    : `JSONExtractString(doc, '${field}')`;

const nameText = (fields: readonly { field: string; isNumber?: boolean }[]): string =>
  fields.length === 1 ? fieldText(fields[0]) : `concat(${fields.map(fieldText).join(", '/', ")})`;

/** By name as the live lists sort. */
const byName = `multiIf(${Object.entries(nameFields)
  .map(([collection, fields]) => `collection = '${collection}', ${nameText(fields)}, `)
  .join("")}id)`;

const places = {
  name: { sql: byName, type: "String" },
  created: { sql: "JSONExtractInt(doc, 'createdAt')", type: "Int64" },
  updated: { sql: "JSONExtractInt(doc, 'updatedAt')", type: "Int64" },
} as const;

/** Documents as of a moment: of every document the version with the highest position whose time is not after it. */
export const documentsAsOf = (warehouse: Warehouse): AsOfReader => ({
  async get(collection, home, id, at) {
    const [found] = await ask<{ doc: string; deleted: number }>(
      warehouse,
      `SELECT doc, deleted FROM documents
       WHERE collection = {collection:String} AND project = {home:String} AND id = {id:String}
         AND at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')
       ORDER BY position DESC LIMIT 1 SETTINGS max_threads = 1`,
      { collection, home, id, at },
    );
    return found === undefined || found.deleted !== 0 ? null : JSON.parse(found.doc);
  },

  async list(collection, home, options) {
    const { sql, type } = places[options.order ?? "name"];
    const keys: SortKey<Found>[] = [
      { sql: "place", type, of: (row) => row.place },
      { sql: "id", type: "String", of: (row) => row.id },
    ];
    const pages = paging<Found>(options, keys);
    const { experiment } = options;
    const within = experiment === undefined ? "" : "AND JSONExtractString(doc, 'experiment') = {experiment:String}";
    const found = await ask<Found>(
      warehouse,
      `SELECT id, doc, ${sql} AS place FROM (
         SELECT any(collection) AS collection, id, argMax(doc, position) AS doc, argMax(deleted, position) AS gone
         FROM (
           SELECT * FROM documents WHERE collection = {collection:String} AND project = {home:String}
             AND at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') ${within}
         ) GROUP BY id
       ) WHERE gone = 0 AND ${pages.where.sql} ${pages.order}`,
      {
        collection,
        home,
        at: options.at,
        ...(experiment === undefined ? {} : { experiment }),
        ...pages.where.parameters,
      },
    );
    const page = pages.page(found);
    return {
      ...page,
      items: page.items.map(({ cursor, node }) => ({ cursor, node: JSON.parse(node.doc) as unknown })),
    };
  },
});
