/**
 * Which log a place is in. A log (the event store's, or one partition of a topic) is written in *epochs*: each opening
 * that writes begins one, under an id that nobody else has, at the place where the log ends then. A log that lost its
 * newest records, or was restored from a copy, lacks the epochs that began after them and begins others at its next
 * write, so that two logs agree up to where the newest epoch that both know ends in one of them. Kafka's followers find
 * where to truncate in the same way (KIP-101).
 *
 * What is derived from a log keeps the marks of that log beside its place, and asks the log at its next start how far
 * the two still agree (`agreed` of the ports).
 */
export type LogMark = {
  /** Of the log and its epoch; only compared. */
  id: string;
  /** First place of the epoch. */
  from: number;
};

/** A log as it is now. What comes before `low` was deleted by retention. */
export type LogHistory = { epochs: readonly LogMark[]; low: number; high: number };

/** What a store may keep of what it has derived. */
export type Agreement = {
  /** Everything before this place is of this log. */
  at: number;
  /** The marks to keep beside that place. */
  marks: readonly LogMark[];
  /** Whether the store had any mark that this log knows; a store without marks is taken for one that had. */
  shared: boolean;
};

/** Marks kept beside a place. Of more than these the older ones are thinned: with fewer, less may be found to agree. */
const mostMarks = 64;

/**
 * How far a store that has derived everything before `next`, with these marks (oldest first), agrees with a log. A
 * store without marks is of an older release: it is trusted as far as the log goes.
 */
export const agreedUpTo = (known: readonly LogMark[], next: number, history: LogHistory): Agreement => {
  const found = commonEnd(known, next, history);
  const at = Math.max(0, Math.min(next, found ?? 0));
  return { at, marks: thinned(history.epochs.filter(({ from }) => from <= at)), shared: found !== null };
};

/** Where the newest epoch that both know ends in one of them; null where there is none. */
const commonEnd = (known: readonly LogMark[], next: number, { epochs, low, high }: LogHistory): number | null => {
  if (known.length === 0) return high;
  for (let k = known.length - 1; k >= 0; k--) {
    // Retention moves the beginning of the oldest epochs: what begins before \`low\` may have begun anywhere before.
    const begin = Math.max(known[k].from, low);
    const e = epochs.findLastIndex(({ id, from }) => id === known[k].id && Math.max(from, low) === begin);
    if (e >= 0) return Math.min(epochs[e + 1]?.from ?? high, known[k + 1]?.from ?? next);
  }
  return null;
};

/** The marks with a newer one; the same list where that is its newest already. */
export const withMark = (marks: readonly LogMark[], mark: LogMark): readonly LogMark[] => {
  const newest = marks.at(-1);
  return newest?.id === mark.id && newest.from === mark.from ? marks : thinned([...marks, mark]);
};

/** Every other one of the older half goes, but never the first. */
const thinned = (marks: readonly LogMark[]): readonly LogMark[] => {
  let kept = marks;
  while (kept.length > mostMarks) {
    const half = kept.length / 2;
    kept = kept.filter((_, i) => i > half || i % 2 === 0);
  }
  return kept;
};
