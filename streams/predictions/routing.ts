import type { TrafficSplit } from "../../schemas/lifecycle/deployment.ts";

/** FNV-1a over UTF-16 units, then murmur3's finaliser, so that near keys spread over [0, 1). */
export const hashToUnit = (text: string, seed: number): number => {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) / 4294967296;
};

/**
 * Which entry of the split answers for an entity: a pure function of (deployment revision, entity key).
 * Shadows have share 0 and are never chosen.
 */
export const router = (split: TrafficSplit, revision: number): ((entity: string) => number) => {
  const answering = split.map((entry, index) => ({ share: entry.variant === "shadow" ? 0 : entry.share, index }));
  const chosen = answering.filter((entry) => entry.share > 0);
  if (chosen.length === 1) {
    const only = chosen[0].index;
    return () => only;
  }
  return (entity) => {
    let left = hashToUnit(entity, revision);
    for (const { share, index } of chosen) {
      left -= share;
      if (left < 0) return index;
    }
    return chosen[chosen.length - 1].index;
  };
};
