import { MillraceError } from "../../schemas/errors.ts";
import type { TrafficSplit } from "../../schemas/lifecycle/deployment.ts";

const bad = (message: string): MillraceError => new MillraceError("BAD_REQUEST", `split: ${message}`);

/** Shares written as decimals, such as 0.1 and 0.9, sum to 1 up to their rounding. */
const TOLERANCE = 1e-9;

/** BAD_REQUEST unless one champion, each version once, shadows with share 0, and shares that sum to 1. */
export const checkSplit = (split: TrafficSplit): void => {
  const champions = split.filter(({ variant }) => variant === "champion").length;
  if (champions !== 1) throw bad(`expected exactly one champion, got ${champions}`);
  const seen = new Set<string>();
  for (const { model, version, variant, share } of split) {
    const ref = `${model}/${version}`;
    if (seen.has(ref)) throw bad(`version ${ref} is there twice`);
    seen.add(ref);
    if (variant === "shadow" && share !== 0) throw bad(`the shadow ${ref} answers nothing; its share must be 0`);
  }
  const sum = split.reduce((total, { share }) => total + share, 0);
  if (Math.abs(sum - 1) > TOLERANCE) throw bad(`the shares sum to ${sum}; expected 1`);
};
