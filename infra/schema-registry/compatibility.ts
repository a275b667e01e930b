import { setImmediate as nextTurn } from "node:timers/promises";
import { avroType } from "../../schemas/codec.ts";
import type { Compatibility, CompatibilityRule } from "./port.ts";
import { mismatches } from "./resolution.ts";

/**
 * Why `next` must not follow `previous` under the rule; empty when it may. BACKWARD: the next schema reads what the
 * previous wrote; FORWARD: the previous reads what the next writes; FULL: both; NONE: anything goes.
 */
export const incompatibilities = (rule: CompatibilityRule, next: string, previous: string): string[] => {
  const reasons: string[] = [];
  if (rule === "BACKWARD" || rule === "FULL") {
    reasons.push(...unreadable(next, previous).map((why) => `the new schema cannot read older records: ${why}`));
  }
  if (rule === "FORWARD" || rule === "FULL") {
    reasons.push(...unreadable(previous, next).map((why) => `the older schema cannot read new records: ${why}`));
  }
  return reasons;
};

/** Reasons that one answer names. */
const MAX_REASONS = 50;

/**
 * Why `next` must not be registered after `previous`, oldest first; empty when it may. A subject can have very many
 * versions: others have their turn between two of them.
 */
export const incompatibilitiesWith = async (
  level: Compatibility,
  next: string,
  previous: readonly string[],
): Promise<string[]> => {
  const rule = level.replace("_TRANSITIVE", "") as CompatibilityRule;
  const against = rule === level ? previous.slice(-1) : previous;
  const reasons = new Set<string>();
  for (const schema of against) {
    for (const reason of incompatibilities(rule, next, schema)) reasons.add(reason);
    if (reasons.size > MAX_REASONS) break;
    await nextTurn();
  }
  const named = [...reasons].slice(0, MAX_REASONS);
  return reasons.size > MAX_REASONS ? [...named, "and more"] : named;
};

const unreadable = (readerSchema: string, writerSchema: string): string[] => {
  const reader = avroType(readerSchema);
  const writer = avroType(writerSchema);
  const reasons = mismatches(reader, writer).map(({ place, why }) => (place === "" ? why : `"${place}" ${why}`));
  if (reasons.length > 0) return reasons;
  // Decoding resolves by avsc: what it refuses is not readable, whatever the rules below say.
  try {
    reader.createResolver(writer, { ignoreNamespaces: true });
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
};
