/**
 * The online store: what must be read in microseconds. Blobs by key, a sorted index a collection, pub/sub.
 *
 * Promises, held by every adapter and by `test/contracts/online-store.contract.ts`:
 * - `mget` answers in the order asked, null where absent or expired.
 * - `setMany` writes an entry only where its `offset` is greater than the stored one (compare-and-set by
 *   offset), so that two writers replaying the same log end alike; an entry without offset always writes.
 * - With `expected` a call is refused as a whole (ONLINE_STORE_CHANGED) where one of these keys holds something else: a
 *   writer whose checkpoint is gone or older finds out before it writes a newer one over the loss.
 * - Everything here can be rebuilt from the logs: losing the newest writes in a power cut is allowed,
 *   losing the order of one key's writes is not.
 * - `publish` reaches the subscribers that are connected at that moment, at most once.
 *
 * Left out on purpose: transactions over several keys.
 */
export type Entry = {
  key: string;
  /** null deletes. */
  value: Buffer | null;
  /** Log position that the value reflects. */
  offset?: number;
  /** Lives so many milliseconds from now. */
  ttlMs?: number;
};

/** What a key must hold at the moment; null for nothing. */
export type Expectation = { key: string; value: Buffer | null };

export type IndexEntry = {
  index: string;
  member: string /** null removes. Ordered by score, then member bytes. */;
  score: number | null;
};

export type IndexPage = { member: string; score: number }[];

export type OnlineStore = {
  get(key: string): Promise<Buffer | null>;
  mget(keys: readonly string[]): Promise<(Buffer | null)[]>;
  /** Entries and index entries of one call become visible together to readers of this process. */
  setMany(entries: readonly Entry[], index?: readonly IndexEntry[], expected?: readonly Expectation[]): Promise<void>;
  /** A page of an index after a (score, member), in the direction asked. */
  range(
    index: string,
    options: { after?: { score: number; member: string }; reverse?: boolean; limit: number },
  ): Promise<IndexPage>;
  count(index: string): Promise<number>;
  /** Removes every key and index that starts with the prefix. */
  clear(prefix: string): Promise<void>;
  publish(channel: string, message: string): Promise<void>;
  subscribe(channel: string, handler: (message: string) => void): Promise<() => Promise<void>>;
  /** Resolves when everything written so far would survive a crash of this process. */
  flush(): Promise<void>;
  close(): Promise<void>;
};
