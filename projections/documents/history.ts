import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { type EventTable, type EventTableOptions, runEventTable, warehouseTime } from "../event-table.ts";
import { isUnreadable, streamFolder } from "../skipped-streams.ts";
import { type Target, targetResolver } from "./collections.ts";
import type { DocumentBase } from "./types.ts";

/** Streams whose documents are kept in memory, twice. */
const CACHED_STREAMS = 20_000;

/** The documents of one aggregate's stream by collection and id. */
type StreamDocuments = Map<string, DocumentBase | null>;

const apply = (documents: StreamDocuments, target: Target, event: StoredEvent): DocumentBase | null => {
  const key = `${target.collection}:${target.id}`;
  const document = target.project(documents.get(key) ?? null, event);
  documents.set(key, document);
  return document;
};

const rowOf = (target: Target, event: StoredEvent, document: DocumentBase): Record<string, unknown> => ({
  collection: target.collection,
  project: target.home,
  id: target.id,
  position: event.position,
  at: warehouseTime(event.metadata.at),
  doc: JSON.stringify(document),
  deleted: 0,
});

/**
 * Every version of every document in the table `documents`. The documents of a stream that is not in memory
 * are folded again from the stream's own events, so that nothing but the event store is needed to go on.
 */
export const documentHistory = (eventStore: EventStore): EventTable => {
  const folder = streamFolder();
  let young = new Map<string, StreamDocuments>();
  let old = new Map<string, StreamDocuments>();

  const kept = (stream: string): StreamDocuments | undefined => {
    const found = young.get(stream) ?? old.get(stream);
    if (found !== undefined) young.set(stream, found);
    return found;
  };

  /** Null where the stream cannot be read up to there: what its documents were is not known. */
  const before = async (stream: string, revision: bigint): Promise<StreamDocuments | null> => {
    const documents: StreamDocuments = new Map();
    if (revision > 0n) {
      const targetsOf = targetResolver();
      try {
        for await (const event of eventStore.readStream(stream)) {
          if (event.revision >= revision) break;
          for (const target of targetsOf(event)) apply(documents, target, event);
        }
      } catch (error) {
        if (!isUnreadable(error) && !(error instanceof TypeError)) throw error;
        return null;
      }
    }
    young.set(stream, documents);
    return documents;
  };

  return {
    table: "documents",
    async rows(events) {
      if (young.size > CACHED_STREAMS) {
        old = young;
        young = new Map();
      }
      const rows: Record<string, unknown>[] = [];
      const targetsOf = targetResolver();
      for (const event of events) {
        const targets = folder.fold(event, targetsOf) ?? [];
        if (targets.length === 0) continue;
        const documents = kept(event.stream) ?? (await before(event.stream, event.revision));
        if (documents === null) continue;
        folder.fold(event, () => {
          for (const target of targets) {
            const document = apply(documents, target, event);
            if (document !== null) rows.push(rowOf(target, event, document));
          }
        });
      }
      return rows;
    },
  };
};

export const runDocumentHistory = (options: EventTableOptions): Promise<void> =>
  runEventTable(documentHistory(options.eventStore), options);
