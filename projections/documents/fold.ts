import type { StoredEvent } from "../../infra/event-store/port.ts";
import type { Aggregate, LifecycleEvent } from "../../schemas/lifecycle.ts";
import { upcast } from "../../schemas/upcasters.ts";
import type { CollectionName, Collections, DocumentBase } from "./types.ts";

/** How one collection is made of the events of one aggregate. */
export type DocumentFold<C extends CollectionName = CollectionName> = {
  collection: C;
  aggregate: Aggregate;
  /** Id of the document that the event touches, given the aggregate's, or null for none; the aggregate's without it. */
  idOf?(id: string, event: LifecycleEvent): string | readonly string[] | null;
  /**
   * The document after the event; null while it does not exist. Total over every event: one that does not
   * concern the document, or finds none to change, leaves it as it is.
   */
  project(document: Collections[C] | null, event: StoredEvent): Collections[C] | null;
};

/** The event's type and data at the newest version. UNKNOWN_EVENT. */
export const lifecycleOf = (event: StoredEvent): LifecycleEvent =>
  ({ type: event.type, data: upcast(event.type, event.metadata.schemaVersion, event.data) }) as LifecycleEvent;

/** Base of a document that the event creates. */
export const created = (event: StoredEvent, id: string): DocumentBase => ({
  id,
  project: event.metadata.project,
  position: event.position,
  revision: Number(event.revision),
  createdAt: event.metadata.at,
  createdBy: event.metadata.actor,
  updatedAt: event.metadata.at,
  updatedBy: event.metadata.actor,
});

/** The document with what the event changed. */
export const changed = <D extends DocumentBase>(document: D, event: StoredEvent, fields: Partial<D>): D => ({
  ...document,
  position: event.position,
  revision: Number(event.revision),
  updatedAt: event.metadata.at,
  updatedBy: event.metadata.actor,
  ...fields,
});

/** Id of the aggregate whose stream it is. */
export const idOfStream = (stream: string): string => stream.slice(stream.indexOf("/") + 1);
