import type { DocumentChange } from "../../projections/documents/changes.ts";
import { diffDocuments, type FieldChange } from "../../projections/documents/diff.ts";
import { upcast } from "../../schemas/upcasters.ts";
import { builder } from "../builder.ts";

export const FieldChangeNode = builder.objectRef<FieldChange>("FieldChange").implement({
  description: "One difference between two states of a document.",
  fields: (t) => ({
    op: t.exposeString("op", { description: "add, remove or replace" }),
    path: t.exposeString("path", { description: "JSON Pointer (RFC 6901); empty for the whole document." }),
    before: t.field({ type: "JSON", nullable: true, resolve: ({ before }) => before as object }),
    after: t.field({ type: "JSON", nullable: true, resolve: ({ after }) => after as object }),
  }),
});

export const Change = builder.objectRef<DocumentChange>("Change").implement({
  description: "What one event made of a document: who did it, when and why.",
  fields: (t) => ({
    position: t.string({ resolve: ({ event }) => event.position }),
    revision: t.field({ type: "Long", resolve: ({ event }) => Number(event.revision) }),
    type: t.string({ description: "Of the event.", resolve: ({ event }) => event.type }),
    at: t.field({ type: "DateTime", resolve: ({ event }) => event.metadata.at }),
    actor: t.string({ resolve: ({ event }) => event.metadata.actor }),
    reason: t.string({ nullable: true, resolve: ({ event }) => event.metadata.reason ?? null }),
    correlationId: t.string({ resolve: ({ event }) => event.metadata.$correlationId }),
    data: t.field({
      type: "JSON",
      description: "Of the event, at the newest version of its type.",
      resolve: ({ event }) => upcast(event.type, event.metadata.schemaVersion, event.data),
    }),
    changes: t.field({ type: [FieldChangeNode], resolve: ({ before, after }) => diffDocuments(before, after) }),
  }),
});
