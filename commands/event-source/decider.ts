import type { EventSourceDefinition, EventSourceEvent } from "../../schemas/lifecycle/event-source.ts";
import type { Decider } from "../decider.ts";
import { sameValue } from "../identity.ts";
import type { Command } from "../payloads.ts";
import { existing, refused, taken } from "../refusals.ts";

export type EventSource = { definition: EventSourceDefinition; status: "active" | "archived" };

/** The schema's id comes from the registry, which has accepted it before the decision. */
export type EventSourceCommand =
  | { type: "CreateEventSource"; data: { id: string; definition: EventSourceDefinition } }
  | { type: "ChangeEventSourceSchema"; data: { id: string; schema: string; schemaId: number } }
  | Command<"ArchiveEventSource">;

/** A topic of the world's events. Topic, key, timestamp and partitions are for ever; the schema evolves. */
export const eventSource: Decider<EventSource | null, EventSourceCommand, EventSourceEvent> = {
  aggregate: "event-source",
  initial: null,

  decide(command, state) {
    const what = `event source "${command.data.id}"`;
    if (command.type === "CreateEventSource") {
      const { definition } = command.data;
      if (state === null) return [{ type: "EventSourceCreated", data: definition }];
      active(state, what);
      if (sameValue({ ...definition, schemaId: 0 }, { ...state.definition, schemaId: 0 })) return [];
      throw taken(what);
    }
    const current = existing(state, what);
    switch (command.type) {
      case "ChangeEventSourceSchema": {
        active(current, what);
        const { schema, schemaId } = command.data;
        return schema === current.definition.schema
          ? []
          : [{ type: "EventSourceSchemaChanged", data: { schema, schemaId } }];
      }
      case "ArchiveEventSource":
        return current.status === "archived" ? [] : [{ type: "EventSourceArchived", data: {} }];
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case "EventSourceCreated":
        return { definition: event.data, status: "active" };
      case "EventSourceSchemaChanged":
        return state && { ...state, definition: { ...state.definition, ...event.data } };
      case "EventSourceArchived":
        return state && { ...state, status: "archived" };
    }
  },
};

const active = (state: EventSource, what: string): void => {
  if (state.status === "archived") throw refused(`${what} is archived; create one with another id`);
};
