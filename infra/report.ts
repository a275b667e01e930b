import { asMillraceError } from "../schemas/errors.ts";

/**
 * Tells what keeps a part from its work, such as `deployment shop/risk` or `sink predictions`; null when nothing does
 * any more. `/health/ready` is 503 with the part and the problem for as long as there is one. Costs nothing when the
 * problem is the one that was told before.
 */
export type Report = (part: string, problem: string | null) => void;

/** What is told by reports at the moment, by part. */
export type Problems = {
  report: Report;
  /** As `report`, of what is no problem, but should be known. */
  note: Report;
  current(): ReadonlyMap<string, string>;
  notes(): ReadonlyMap<string, string>;
  clear(): void;
};

export const problems = (): Problems => {
  const found = new Map<string, string>();
  const noted = new Map<string, string>();
  const into =
    (kept: Map<string, string>): Report =>
    (part, problem) => {
      if (problem === null) kept.delete(part);
      else kept.set(part, problem);
    };
  return {
    report: into(found),
    note: into(noted),
    current: () => found,
    notes: () => noted,
    clear: () => {
      found.clear();
      noted.clear();
    },
  };
};

const longestProblem = 300;

/** An error as a problem: its code and the beginning of its message. */
export const problemOf = (error: unknown): string => {
  const { code, message } = asMillraceError(error);
  const text = `${code}: ${message}`;
  return text.length > longestProblem ? `${text.slice(0, longestProblem)}...` : text;
};

/** A work that is tried again when it fails: only what has failed for a while is a problem. */
export type Tried = { failed(error: unknown): void; worked(): void };

/** Reports failures once they have lasted `forMs` without a success between them. `clock` is in milliseconds. */
export const reportLasting = (
  report: Report,
  { part, forMs, clock }: { part: string; forMs: number; clock: () => number },
): Tried => {
  let since: number | null = null;
  return {
    failed: (error) => {
      since ??= clock();
      if (clock() - since >= forMs) report(part, problemOf(error));
    },
    worked: () => {
      since = null;
      report(part, null);
    },
  };
};
