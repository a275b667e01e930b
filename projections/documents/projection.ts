import type { Position, StoredEvent } from "../../infra/event-store/port.ts";
import { comparePositions } from "../../infra/event-store/port.ts";
import type { Entry, IndexEntry, OnlineStore } from "../../infra/online-store/port.ts";
import type { Changes, ChannelMessage, Projection } from "../follower.ts";
import { streamFolder } from "../skipped-streams.ts";
import { type Target, targetResolver } from "./collections.ts";
import { documentsPrefix, indexOf, listHomes, nameMember } from "./keys.ts";
import { type Slot, slotCache } from "./slots.ts";
import type { DocumentBase } from "./types.ts";

/** Channel of `{ collection, project, id, position, type }`, one for each document that a live event touched. */
export const documentsChannel = "documents";
/** Channel of `{ project, stream, type, position, at, actor }`, one for each live event of an aggregate. */
export const lifecycleChannel = "lifecycle";

export type DocumentNotice = { collection: string; project: string; id: string; position: Position; type: string };
export type LifecycleNotice = {
  project: string;
  stream: string;
  type: string;
  position: Position;
  at: number;
  actor: string;
};

/** Documents kept decoded between batches. */
const CACHED_DOCUMENTS = 50_000;

type Touch = { event: StoredEvent; targets: readonly Target[] };

const indexChanges = (
  generation: number,
  { collection, home, id, written, document }: Slot,
  out: IndexEntry[],
): void => {
  if (document === null) return;
  for (const place of listHomes(collection, home, document)) {
    indexChangesOf(generation, place, { collection, id, written, document }, out);
  }
};

const indexChangesOf = (
  generation: number,
  home: string,
  { collection, id, written, document }: Pick<Slot, "collection" | "id" | "written"> & { document: DocumentBase },
  out: IndexEntry[],
): void => {
  const byName = indexOf(generation, collection, home, "name");
  const member = nameMember(collection, document);
  const before = written === null ? null : nameMember(collection, written);
  if (before !== member) {
    if (before !== null) out.push({ index: byName, member: before, score: null });
    out.push({ index: byName, member, score: 0 });
  }
  if (written?.createdAt !== document.createdAt) {
    out.push({ index: indexOf(generation, collection, home, "created"), member: id, score: document.createdAt });
  }
  if (written?.updatedAt !== document.updatedAt) {
    out.push({ index: indexOf(generation, collection, home, "updated"), member: id, score: document.updatedAt });
  }
};

const messagesOf = (touches: readonly Touch[], after: Position): ChannelMessage[] => {
  const messages: ChannelMessage[] = [];
  for (const { event, targets } of touches) {
    if (targets.length === 0 || comparePositions(event.position, after) <= 0) continue;
    const { stream, type, position, metadata } = event;
    const { project, at, actor } = metadata;
    for (const { collection, id } of targets) {
      const document: DocumentNotice = { collection, project, id, position, type };
      messages.push({ channel: documentsChannel, message: JSON.stringify(document) });
    }
    const lifecycle: LifecycleNotice = { project, stream, type, position, at, actor };
    messages.push({ channel: lifecycleChannel, message: JSON.stringify(lifecycle) });
  }
  return messages;
};

const openFold = (onlineStore: OnlineStore, generation: number) => {
  const slots = slotCache(onlineStore, generation, CACHED_DOCUMENTS);
  const folder = streamFolder();
  return {
    /** Many events of one document are folded in memory; only its newest version is written. */
    async fold(events: readonly StoredEvent[]): Promise<Changes> {
      slots.evict();
      const targetsOf = targetResolver();
      const touches: Touch[] = events.map((event) => ({ event, targets: folder.fold(event, targetsOf) ?? [] }));
      const touched = await slots.load(new Set(touches.flatMap(({ targets }) => targets)));
      for (const { event, targets } of touches) {
        folder.fold(event, () => {
          const after = targets.map((target) => target.project((touched.get(target) as Slot).document, event));
          for (const [i, target] of targets.entries()) (touched.get(target) as Slot).document = after[i];
        });
      }
      const entries: Entry[] = [];
      const index: IndexEntry[] = [];
      for (const slot of touched.values()) {
        if (slot.document === null || slot.document === slot.written) continue;
        const value = Buffer.from(JSON.stringify(slot.document));
        entries.push({ key: slot.key, value, offset: Number(slot.document.position) });
        indexChanges(generation, slot, index);
        slot.written = slot.document;
      }
      const keys = entries.map(({ key }) => key);
      const messages = (after: Position) => messagesOf(touches, after);
      return { entries, index, keys, messages, skipped: folder.refused() };
    },
  };
};

/** The newest version of every document, by id and in lists by name and by time, in the online store. */
export const documentsProjection: Projection = {
  name: "documents",
  version: 2,
  prefix: documentsPrefix,
  open: openFold,
};
