import { asGiven, type HandlerContext, handlersOf } from "../handler.ts";
import type { Payload } from "../payloads.ts";
import { type EventSource, type EventSourceCommand, eventSource } from "./decider.ts";
import { checkSameTime, checkSourceSchema } from "./source-schema.ts";

/** The topic is made and the schema registered before the event says so: both are free of effect when repeated. */
const create = async (
  { id, ...given }: Payload<"CreateEventSource">,
  { project, state, checks, defaults }: HandlerContext<EventSource | null>,
): Promise<EventSourceCommand> => {
  const unregistered = { ...given, partitions: given.partitions ?? defaults.partitions, schemaId: 0 };
  if (state !== null) return { type: "CreateEventSource", data: { id, definition: unregistered } };
  checkSourceSchema(given.schema, given.key, given.timestamp);
  await checks.registerSchema(project, given.topic, given.schema, true);
  // An archived source may have had the topic: tasks have taken its records, and views are built from them.
  await checks.checkLogReadable(project, given.topic, given.key, given.schema);
  await checks.ensureTopic(given.topic, unregistered, project);
  const schemaId = await checks.registerSchema(project, given.topic, given.schema);
  return { type: "CreateEventSource", data: { id, definition: { ...unregistered, schemaId } } };
};

const changeSchema = async (
  { id, schema }: Payload<"ChangeEventSourceSchema">,
  { project, state, checks }: HandlerContext<EventSource | null>,
): Promise<EventSourceCommand> => {
  const current = state?.definition;
  if (current === undefined || state?.status === "archived" || schema === current.schema) {
    return { type: "ChangeEventSourceSchema", data: { id, schema, schemaId: 0 } };
  }
  checkSourceSchema(schema, current.key, current.timestamp);
  checkSameTime(current.schema, schema, current.timestamp);
  await checks.registerSchema(project, current.topic, schema, true);
  await checks.checkLogReadable(project, current.topic, current.key, schema);
  await checks.checkSchemaChange(project, id, schema);
  const schemaId = await checks.registerSchema(project, current.topic, schema);
  return { type: "ChangeEventSourceSchema", data: { id, schema, schemaId } };
};

export const eventSourceHandlers = handlersOf(eventSource, {
  CreateEventSource: { id: ({ id }) => id, prepare: create, serial: "platform" },
  ChangeEventSourceSchema: { id: ({ id }) => id, prepare: changeSchema, serial: "project" },
  ArchiveEventSource: {
    id: ({ id }) => id,
    prepare: asGiven("ArchiveEventSource", async (data, { project, state, checks }) => {
      if (state?.status === "active") await checks.checkUnused(project, { aggregate: "event-source", id: data.id });
    }),
    serial: "project",
  },
});
