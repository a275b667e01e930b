import SchemaBuilder from "@pothos/core";
import RelayPlugin from "@pothos/plugin-relay";
import type { GraphContext } from "./context.ts";
import { decodeNodeId, encodeNodeId } from "./node-id.ts";

export type SchemaShape = {
  Context: GraphContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  Scalars: {
    /** UTC milliseconds inside, ISO-8601 outside. */
    DateTime: { Input: number; Output: number };
    Long: { Input: number; Output: number };
    JSON: { Input: unknown; Output: unknown };
    StringMap: { Input: Record<string, string>; Output: Record<string, string> };
    NumberMap: { Input: Record<string, number>; Output: Record<string, number> };
    ID: { Input: string; Output: string };
  };
};

export const builder = new SchemaBuilder<SchemaShape>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    cursorType: "String",
    edgesFieldOptions: { nullable: false, extensions: { pothosExposedField: "edges" } },
    nodeFieldOptions: { nullable: false, extensions: { pothosExposedField: "node" } },
    pageInfoFieldOptions: { extensions: { pothosExposedField: "pageInfo" } },
    encodeGlobalID: (typename, id) => encodeNodeId(typename, String(id)),
    decodeGlobalID: (globalId) => decodeNodeId(globalId),
    nodeQueryOptions: false,
    nodesQueryOptions: false,
  },
});

builder.queryType({ description: "Reads. Every list is a Relay connection; page sizes are bounded." });
builder.mutationType({
  description: "Commands: one mutation for each. They answer with the position that was written.",
});
builder.subscriptionType({ description: "Live feeds over graphql-transport-ws on the same path." });
