import type { EventSourceDocument } from "../../projections/documents/types.ts";
import { builder } from "../builder.ts";
import { Document, documentNode } from "./base.ts";

export const EventSource = builder.objectRef<EventSourceDocument>("EventSource");

documentNode(EventSource);
EventSource.implement({
  description: "A topic of the world's events.",
  interfaces: [Document, builder.nodeInterfaceRef()],
  fields: (t) => ({
    topic: t.exposeString("topic"),
    schema: t.exposeString("schema", { description: "Avro record schema, JSON." }),
    schemaId: t.exposeInt("schemaId"),
    key: t.exposeString("key", { description: "Field whose value is the message key." }),
    timestamp: t.exposeString("timestamp", {
      description:
        "Field that is the event time: UTC milliseconds, or microseconds where its type is timestamp-micros.",
    }),
    partitions: t.exposeInt("partitions"),
    maxRecordBytes: t.exposeInt("maxRecordBytes"),
    retentionMs: t.expose("retentionMs", { type: "Long", nullable: true, description: "null keeps for ever." }),
    status: t.exposeString("status", { description: "active or archived" }),
  }),
});
