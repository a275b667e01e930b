import type { IndexPage, OnlineStore } from "../../infra/online-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import type { AsOfReader } from "./as-of.ts";
import { homeOf } from "./collections.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { documentKey, homeOfExperiment, idOfMember, indexOf, isWithinExperiment, type Order } from "./keys.ts";
import { followLiveView } from "./live-view.ts";
import type { CollectionName, Collections, DocumentBase, Documents, ListOptions, Page } from "./types.ts";

const MAX_PAGE = 1000;
const WAIT_MS = 5000;

export type DocumentReaderOptions = {
  onlineStore: OnlineStore;
  /** Without it, reads as of a moment are refused with BAD_REQUEST. */
  asOf?: AsOfReader;
  /** Most documents kept decoded in this process. */
  cacheSize?: number;
};

/**
 * Reads documents from the online store through a bounded cache. After `waitFor(position)` no read is older
 * than that position. Documents are shared with the cache: treat them as immutable.
 */
export const documentReader = (options: DocumentReaderOptions): Documents & { close(): Promise<void> } => {
  const { onlineStore, asOf, cacheSize = 10_000 } = options;
  const cache = new Map<string, DocumentBase>();
  const live = followLiveView(onlineStore, (keys) => {
    if (keys === null) cache.clear();
    else for (const key of keys) cache.delete(key);
  });

  const cached = (key: string): DocumentBase | undefined => {
    const document = cache.get(key);
    if (document !== undefined) {
      cache.delete(key);
      cache.set(key, document);
    }
    return document;
  };

  /** The documents of these keys, null where there is none; the cache first. */
  const fetch = async (keys: readonly string[]): Promise<(DocumentBase | null)[]> => {
    const found = keys.map((key): DocumentBase | null => cached(key) ?? null);
    const absent = keys.filter((_, i) => found[i] === null);
    if (absent.length === 0) return found;
    const epoch = live.epoch();
    const values = await onlineStore.mget(absent);
    let next = 0;
    for (const [i, key] of keys.entries()) {
      if (found[i] !== null) continue;
      const value = values[next++];
      if (value === null) continue;
      const document = JSON.parse(value.toString()) as DocumentBase;
      found[i] = document;
      if (live.epoch() === epoch) cache.set(key, document);
    }
    while (cache.size > cacheSize) cache.delete(cache.keys().next().value as string);
    return found;
  };

  const isWhole = (documents: readonly (DocumentBase | null)[]): boolean => documents.every((one) => one !== null);

  /** Runs a read on the live generation; again when another took over while documents were missing. */
  const onLive = async <T>(
    none: T,
    read: (generation: number) => Promise<{ result: T; isWhole: boolean }>,
  ): Promise<T> => {
    for (;;) {
      const generation = await live.generation();
      if (generation === null) return none;
      const { result, isWhole } = await read(generation);
      if (isWhole || !(await live.refresh())) return result;
    }
  };

  const past = (): AsOfReader => {
    if (asOf !== undefined) return asOf;
    throw new MillraceError("BAD_REQUEST", "asOf: this process has no warehouse to read the past from.");
  };

  const pageOf = (
    range: IndexPage,
    nodes: (DocumentBase | null)[],
    first: number,
    order: Order,
  ): Page<DocumentBase> => {
    const items = range.slice(0, first).flatMap((entry, i) => {
      const node = nodes[i];
      return node === null ? [] : [{ cursor: encodeCursor(order, entry), node }];
    });
    return { items, hasNext: range.length > first, total: null };
  };

  const listNow = (collection: CollectionName, home: string, list: ListOptions): Promise<Page<DocumentBase>> => {
    const { first, after, order = "name", reverse = false, experiment } = list;
    const place = experiment === undefined ? home : homeOfExperiment(home, experiment);
    const from = after === undefined ? undefined : decodeCursor(order, after);
    return onLive<Page<DocumentBase>>({ items: [], hasNext: false, total: 0 }, async (generation) => {
      const index = indexOf(generation, collection, place, order);
      const [range, total] = await Promise.all([
        onlineStore.range(index, { after: from, reverse, limit: first + 1 }),
        onlineStore.count(index),
      ]);
      const members = range.slice(0, first).map(({ member }) => idOfMember(order, member));
      const nodes = await fetch(members.map((id) => documentKey(generation, collection, home, id)));
      const isEmptied = total === 0;
      const result = { ...pageOf(range, nodes, first, order), total };
      return { result, isWhole: isWhole(nodes) && !isEmptied };
    });
  };

  return {
    async get<C extends CollectionName>(collection: C, project: string, id: string, at: { asOf?: number } = {}) {
      const home = homeOf(collection, project);
      if (at.asOf !== undefined) return (await past().get(collection, home, id, at.asOf)) as Collections[C] | null;
      const document = await onLive<DocumentBase | null>(null, async (generation) => {
        const [result] = await fetch([documentKey(generation, collection, home, id)]);
        return { result, isWhole: result !== null };
      });
      return document as Collections[C] | null;
    },

    async getMany<C extends CollectionName>(collection: C, project: string, ids: readonly string[]) {
      if (ids.length === 0) return [];
      const home = homeOf(collection, project);
      const documents = await onLive<(DocumentBase | null)[]>([], async (generation) => {
        const result = await fetch(ids.map((id) => documentKey(generation, collection, home, id)));
        return { result, isWhole: isWhole(result) };
      });
      return documents.filter((document) => document !== null) as Collections[C][];
    },

    async list<C extends CollectionName>(collection: C, project: string, list: ListOptions) {
      const { first, asOf: at, ...rest } = list;
      if (!Number.isInteger(first) || first < 1 || first > MAX_PAGE) {
        throw new MillraceError("BAD_REQUEST", `first: expected a whole number from 1 to ${MAX_PAGE}, got ${first}`);
      }
      if (rest.experiment !== undefined && !isWithinExperiment(collection)) {
        throw new MillraceError("BAD_REQUEST", `experiment: ${collection} do not belong to one; leave it out`);
      }
      const home = homeOf(collection, project);
      if (at === undefined) return (await listNow(collection, home, list)) as Page<Collections[C]>;
      const { items, hasNext } = await past().list(collection, home, { at, first, ...rest });
      return { items: items as Page<Collections[C]>["items"], hasNext, total: null };
    },

    waitFor: (position, timeoutMs = WAIT_MS) => live.waitFor(position, timeoutMs),
    close: () => live.close(),
  };
};
