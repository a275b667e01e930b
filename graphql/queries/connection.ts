import type { ObjectRef } from "@pothos/core";
import { builder } from "../builder.ts";

type Schema = typeof builder.$inferSchemaTypes;

export type Connection<Node> = {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  total: number | null;
};

type Page<Node> = { items: { cursor: string; node: Node }[]; hasNext: boolean; total?: number | null };

/** The Relay connection type of a node type. */
export const connection = <Node>(node: ObjectRef<Schema, Node>): ObjectRef<Schema, Connection<Node>> => {
  const ref = builder.connectionObject({
    type: node,
    name: `${node.name}Connection`,
    fields: (t) => ({
      total: t.int({
        nullable: true,
        description: "Size of the whole list, where it is known without counting.",
        resolve: (parent) => (parent as unknown as Connection<Node>).total,
      }),
    }),
  });
  return ref as unknown as ObjectRef<Schema, Connection<Node>>;
};

/** Which way a page was read, and whether from a cursor on: something came before that. */
type Read = { isBackward: boolean; hasCursor: boolean };

/** A page of a read model as a connection. One that was read from its end is turned round. */
export const toConnection = <Node>(
  { items, hasNext, total }: Page<Node>,
  read: Read | string | null | undefined,
): Connection<Node> => {
  const { isBackward, hasCursor } =
    typeof read === "object" && read !== null ? read : { isBackward: false, hasCursor: read != null };
  const edges = isBackward ? items.toReversed() : items;
  return {
    edges,
    pageInfo: {
      hasNextPage: isBackward ? hasCursor : hasNext,
      hasPreviousPage: isBackward ? hasNext : hasCursor,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    total: total ?? null,
  };
};
