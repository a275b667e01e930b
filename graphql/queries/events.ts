import type { StoredEvent } from "../../infra/event-store/port.ts";
import { aggregates, streamName } from "../../schemas/lifecycle.ts";
import { builder } from "../builder.ts";
import { allowRead, givenPosition } from "../context.ts";
import { pageSize } from "../limits/page-size.ts";
import { LifecycleEvent } from "../types/lifecycle-event.ts";
import { connection, toConnection } from "./connection.ts";

const EventPage = connection(LifecycleEvent);

builder.queryField("events", (t) =>
  t.field({
    type: EventPage,
    description: "The project's lifecycle events in the order of the log. Cursors are positions.",
    args: {
      project: t.arg.string({ required: true }),
      first: t.arg.int({ defaultValue: 20 }),
      after: t.arg.string({ description: "A position; from the start without it." }),
      until: t.arg({ type: "DateTime" }),
    },
    resolve: async (_, { project, first, after, until }, context) => {
      await allowRead(context, "events", project);
      const size = pageSize(first);
      const found: StoredEvent[] = [];
      const prefixes = aggregates.map((aggregate) => streamName(aggregate, project, ""));
      const options = { after: givenPosition("after", after), until: until ?? undefined, prefixes, limit: size + 1 };
      for await (const event of context.deps.eventStore.readAll(options)) found.push(event);
      const items = found.slice(0, size).map((node) => ({ cursor: node.position, node }));
      return toConnection({ items, hasNext: found.length > size }, after);
    },
  }),
);
