import type { ObjectRef } from "@pothos/core";
import { builder } from "../builder.ts";

type Schema = typeof builder.$inferSchemaTypes;

export type Connection<Node> = {
  edges: { cursor: string; node: Node }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  total: number | null;
};

/** The Relay connection type of a node type. Lists run forward from a cursor; `reverse` turns them round. */
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

/** A page of a read model as a connection. `after` tells whether something came before. */
export const toConnection = <Node>(
  page: { items: { cursor: string; node: Node }[]; hasNext: boolean; total?: number | null },
  after: string | null | undefined,
): Connection<Node> => ({
  edges: page.items,
  pageInfo: {
    hasNextPage: page.hasNext,
    hasPreviousPage: after !== null && after !== undefined,
    startCursor: page.items.at(0)?.cursor ?? null,
    endCursor: page.items.at(-1)?.cursor ?? null,
  },
  total: page.total ?? null,
});
