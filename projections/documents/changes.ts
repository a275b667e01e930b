import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { streamOfDocument, targetResolver } from "./collections.ts";
import type { CollectionName, DocumentBase } from "./types.ts";

/** What one event made of a document: `after` is `before` itself where it changed nothing. */
export type DocumentChange = { event: StoredEvent; before: DocumentBase | null; after: DocumentBase | null };

/**
 * A document's life, folded from its stream: one entry for each event that concerns it, in the order of the log. It
 * needs no read model, so it is as new as the log.
 */
export async function* documentChanges(
  eventStore: EventStore,
  collection: CollectionName,
  project: string,
  id: string,
): AsyncGenerator<DocumentChange> {
  const targetsOf = targetResolver();
  let document: DocumentBase | null = null;
  for await (const event of eventStore.readStream(streamOfDocument(collection, project, id))) {
    const target = targetsOf(event).find((one) => one.collection === collection && one.id === id);
    if (target === undefined) continue;
    const after: DocumentBase | null = target.project(document, event);
    yield { event, before: document, after };
    document = after;
  }
}

/**
 * The document after the newest event that concerns it and whose time is at most this, UTC milliseconds; null before
 * there was one. What the warehouse answers as of a moment is the same.
 */
export const documentAt = async (
  eventStore: EventStore,
  place: { collection: CollectionName; project: string; id: string },
  at: number,
): Promise<DocumentBase | null> => {
  let found: DocumentBase | null = null;
  for await (const { event, after } of documentChanges(eventStore, place.collection, place.project, place.id)) {
    if (event.metadata.at <= at) found = after;
  }
  return found;
};
