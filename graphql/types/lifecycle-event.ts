import type { StoredEvent } from "../../infra/event-store/port.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { upcast } from "../../schemas/upcasters.ts";
import { builder } from "../builder.ts";

export const LifecycleEvent = builder.objectRef<StoredEvent>("LifecycleEvent").implement({
  description: "A fact of the log, at the newest version of its type.",
  fields: (t) => ({
    id: t.exposeID("id"),
    type: t.exposeString("type"),
    aggregate: t.string({ resolve: ({ stream }) => parseStreamName(stream)?.aggregate ?? "" }),
    project: t.string({ resolve: ({ stream }) => parseStreamName(stream)?.project ?? "" }),
    slug: t.string({ resolve: ({ stream }) => parseStreamName(stream)?.id ?? "" }),
    stream: t.exposeString("stream"),
    revision: t.field({ type: "Long", resolve: ({ revision }) => Number(revision) }),
    position: t.exposeString("position"),
    at: t.field({ type: "DateTime", resolve: ({ metadata }) => metadata.at }),
    actor: t.string({ resolve: ({ metadata }) => metadata.actor }),
    reason: t.string({ nullable: true, resolve: ({ metadata }) => metadata.reason ?? null }),
    correlationId: t.string({ resolve: ({ metadata }) => metadata.$correlationId }),
    causationId: t.string({ resolve: ({ metadata }) => metadata.$causationId }),
    data: t.field({ type: "JSON", resolve: ({ type, metadata, data }) => upcast(type, metadata.schemaVersion, data) }),
  }),
});
