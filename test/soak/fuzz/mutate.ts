import { below, chance, nastyJson, nastyNumber, nastyText, pick, type Random, randomBytes } from "./random.ts";

/** Bytes that differ from the given ones in a few places: flipped, cut, doubled, moved or replaced. */
export const mutateBytes = (random: Random, bytes: Buffer): Buffer => {
  let mutated: Buffer = Buffer.from(bytes);
  for (let rounds = 1 + below(random, 4); rounds > 0; rounds--) mutated = mutateOnce(random, mutated);
  return mutated;
};

const mutateOnce = (random: Random, bytes: Buffer): Buffer => {
  if (bytes.length === 0) return randomBytes(random, 16);
  const at = below(random, bytes.length);
  const to = Math.min(bytes.length, at + 1 + below(random, Math.min(64, bytes.length)));
  switch (below(random, 6)) {
    case 0:
      bytes[at] ^= 1 << below(random, 8);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
    case 4:
      bytes.fill(pick(random, [0, 0x7f, 0x80, 0xff]), at, to);
      return bytes;
    default:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, 32), bytes.subarray(at)]);
  }
};

/** Text that differs in a few places; it stays text. */
export const mutateText = (random: Random, text: string): string => {
  const at = below(random, text.length + 1);
  const to = Math.min(text.length, at + below(random, 12));
  switch (below(random, 5)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, to) + text.slice(at);
    case 2:
      return text.slice(0, at) + nastyText(random) + text.slice(to);
    case 3:
      return text.replace(/\d+/g, (number) => (chance(random, 0.3) ? String(nastyNumber(random)) : number));
    default:
      return text.slice(0, at) + pick(random, [..."{}[]()\"'`\\,:;%$\u0000"]) + text.slice(to);
  }
};

/** A JSON value that differs in one or a few of its members. */
export const mutateJson = (random: Random, value: unknown, share = 0.15): unknown => {
  if (chance(random, share)) {
    if (typeof value === "string" && chance(random, 0.5)) return mutateText(random, value);
    return typeof value === "number" && chance(random, 0.5) ? nastyNumber(random) : nastyJson(random);
  }
  if (Array.isArray(value)) {
    const items = value.map((item) => mutateJson(random, item, share));
    if (chance(random, share)) items.push(...items.slice(0, 1));
    return items;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => [key, mutateJson(random, member, share)] as const);
  const kept = entries.filter(() => !chance(random, share / 2));
  if (chance(random, share / 2)) kept.push([nastyText(random), nastyJson(random)]);
  return Object.fromEntries(kept);
};
