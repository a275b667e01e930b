import { comparePositions, type Position, type StoredEvent } from "../infra/event-store/port.ts";
import {
  type AuditRecord,
  auditChains,
  auditRecord,
  type ChainedRecord,
  chainHash,
  encodeRecord,
  genesis,
} from "./audit-chain.ts";

/** What is wrong with one record. `what` is a sentence. */
export type AuditFinding = {
  kind: "event-changed" | "event-deleted" | "event-inserted" | "record-changed" | "record-missing" | "chain-cut";
  what: string;
  record: AuditRecord;
};

export type AuditVerdict = {
  /** Events that were read, and how many of them lie behind the copy's newest record of their project. */
  events: number;
  newer: number;
  /** Newest digest of each project, computed from the events. */
  heads: Map<string, { position: Position; hash: string }>;
  findings: AuditFinding[];
  /** Of the digests asked for, those that no record has. */
  unknownDigests: string[];
};

type ProjectState = {
  /** Digest before the next record, along the copy; null before its first record. */
  previous: string | null;
  /** Events without a record, since the last record. */
  waiting: AuditRecord[];
};

const sentences: Record<AuditFinding["kind"], string> = {
  "event-changed": "the stored event is not what was recorded",
  "event-deleted": "was recorded, and is not in the event store any more",
  "event-inserted": "is in the event store among older events, and was not there when they were recorded",
  "record-changed": "the record in the copy was changed; the event still fits the digest",
  "record-missing": "the record is missing in the copy; the event still fits the digests around it",
  "chain-cut": "the digest before the copy's first record is another one: events before it are not what they were",
};

/**
 * Walks the events and a copy of the chain (the warehouse's, or an exported file's) side by side, both in the order of
 * positions, and says of each record that differs whether the event or the copy was touched. The chain is followed
 * along the copy's digests, so that one change is one finding and not also all that come after it.
 */
export const verifyAudit = async (
  events: AsyncIterable<StoredEvent>,
  copy: AsyncIterable<ChainedRecord>,
  digests: readonly string[] = [],
): Promise<AuditVerdict> => {
  const verdict: AuditVerdict = { events: 0, newer: 0, heads: new Map(), findings: [], unknownDigests: [] };
  const wanted = new Set(digests);
  const chains = auditChains();
  const projects = new Map<string, ProjectState>();

  const find = (kind: AuditFinding["kind"], record: AuditRecord): void => {
    verdict.findings.push({ kind, what: sentences[kind], record });
  };
  const stateOf = (project: string): ProjectState => {
    const state = projects.get(project) ?? { previous: null, waiting: [] };
    projects.set(project, state);
    return state;
  };

  /** The digest that the record at hand has to follow, and what the events mean that have no record before it. */
  const follow = (state: ProjectState, own: string, row: ChainedRecord, record: AuditRecord): string => {
    const { previous, waiting } = state;
    state.waiting = [];
    if (previous === null && row.previous !== undefined) {
      if (own !== row.previous) find("chain-cut", row);
      return row.previous;
    }
    const without = previous ?? genesis;
    if (waiting.length === 0) return without;
    const through = waiting.reduce(chainHash, without);
    const wereRecorded = chainHash(through, record) === row.hash;
    for (const one of waiting) find(wereRecorded ? "record-missing" : "event-inserted", one);
    return wereRecorded ? through : without;
  };

  /** `own` is the digest of the events before this place. */
  const judge = (event: AuditRecord | null, own: string, row: ChainedRecord): void => {
    const state = stateOf(row.project);
    const previous = follow(state, own, row, event ?? row);
    state.previous = row.hash;
    const rowFits = chainHash(previous, row) === row.hash;
    if (event === null) {
      find("event-deleted", row);
      return;
    }
    const computed = chainHash(previous, event);
    if (computed === row.hash) {
      if (!rowFits) find("record-changed", event);
    } else if (!rowFits && encodeRecord(event) === encodeRecord(row)) {
      find("record-changed", event);
      state.previous = computed;
    } else {
      find("event-changed", event);
    }
  };

  for await (const [event, row] of pairs(records(events), copy)) {
    const own = verdict.heads.get((event ?? row).project)?.hash ?? genesis;
    if (event !== null) {
      const { hash } = chains.next(event);
      verdict.events++;
      verdict.heads.set(event.project, { position: event.position, hash });
      wanted.delete(hash);
    }
    if (row !== null) judge(event, own, row);
    else if (event !== null) stateOf(event.project).waiting.push(event);
  }
  for (const { waiting } of projects.values()) verdict.newer += waiting.length;
  verdict.unknownDigests = [...wanted];
  return verdict;
};

async function* records(events: AsyncIterable<StoredEvent>): AsyncGenerator<AuditRecord> {
  for await (const event of events) {
    const record = auditRecord(event);
    if (record !== null) yield record;
  }
}

type Pair = [event: AuditRecord, row: ChainedRecord | null] | [event: null, row: ChainedRecord];

/** Two lists in the order of positions, side by side: what has the same position is one pair. */
async function* pairs(events: AsyncIterable<AuditRecord>, rows: AsyncIterable<ChainedRecord>): AsyncGenerator<Pair> {
  const left = events[Symbol.asyncIterator]();
  const right = rows[Symbol.asyncIterator]();
  try {
    let [event, row] = [await left.next(), await right.next()];
    while (!event.done || !row.done) {
      const order = event.done ? 1 : row.done ? -1 : comparePositions(event.value.position, row.value.position);
      if (order === 0) yield [event.value, row.value];
      else if (order < 0) yield [event.value, null];
      else yield [null, row.value];
      if (order <= 0) event = await left.next();
      if (order >= 0) row = await right.next();
    }
  } finally {
    await left.return?.(undefined);
    await right.return?.(undefined);
  }
}
