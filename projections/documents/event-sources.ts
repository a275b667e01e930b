import { changed, created, type DocumentFold, idOfStream, lifecycleOf } from "./fold.ts";

export const eventSources: DocumentFold<"eventSources"> = {
  collection: "eventSources",
  aggregate: "event-source",
  project(document, event) {
    const { type, data } = lifecycleOf(event);
    if (type === "EventSourceCreated") {
      return { ...created(event, idOfStream(event.stream)), ...data, status: "active" };
    }
    if (document === null) return null;
    switch (type) {
      case "EventSourceSchemaChanged":
        return changed(document, event, { schema: data.schema, schemaId: data.schemaId });
      case "EventSourceArchived":
        return changed(document, event, { status: "archived" });
      default:
        return document;
    }
  },
};
