import { randomOf } from "../../e2e/flights.ts";
import { table } from "../table.ts";
import type { Kind, Round } from "./kind.ts";
import { kinds } from "./kinds.ts";
import { proven, rebuiltTheSame } from "./proof.ts";
import { alive, declared, discard, ended, keep, lookedAt, newWorld, type World } from "./world.ts";

export type KillOptions = {
  /** How many rounds of each group of kinds. */
  rounds: Readonly<Record<Kind["group"], number>>;
  seed: number;
  /** Kinds to take; all of them when it is empty. */
  only: readonly string[];
  /** No round begins after so long. */
  minutes: number;
  /** Where the data of failing rounds is kept. */
  keep: string;
  say(line: string): void;
};

export type KillFinding = { round: number; kind: string; what: string; kept: string };

type Tally = { rounds: number; findings: number; readyMs: number; seconds: number };

/** The kinds in a random order that the seed fixes; those of a group take turns. */
const scheduleOf = ({ rounds, only }: KillOptions, random: () => number): Kind[] => {
  const chosen = kinds.filter(({ name }) => only.length === 0 || only.includes(name));
  const schedule: Kind[] = [];
  for (const [group, count] of Object.entries(rounds)) {
    const members = chosen.filter((kind) => kind.group === group);
    for (let i = 0; i < count && members.length > 0; i++) schedule.push(members[i % members.length]);
  }
  for (let i = schedule.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [schedule[i], schedule[j]] = [schedule[j], schedule[i]];
  }
  return schedule;
};

/**
 * Disturbs the platform in one round after the other and looks at it after each. A round with a finding keeps its data,
 * and the next begins with a fresh platform. Answers the findings.
 */
export const kills = async (options: KillOptions): Promise<KillFinding[]> => {
  const { seed, say } = options;
  const random = randomOf(seed);
  const schedule = scheduleOf(options, random);
  const deadline = Date.now() + options.minutes * 60_000;
  const findings: KillFinding[] = [];
  const tallies = new Map<string, Tally>();
  let proved: Proved = { predictions: 0, commands: 0, points: 0 };
  let world: World | null = null;
  let round = 0;
  for (; round < schedule.length && Date.now() < deadline; round++) {
    const kind = schedule[round];
    // Each round has numbers of its own: one that took another turn does not change those after it.
    const own = randomOf(seed * 100_003 + round);
    world ??= await freshWorld();
    const { found, note, readyMs, seconds } = await playRound(kind, world, own);
    const tally = tallies.get(kind.name) ?? { rounds: 0, findings: 0, readyMs: 0, seconds: 0 };
    tallies.set(kind.name, {
      rounds: tally.rounds + 1,
      findings: tally.findings + found.length,
      readyMs: Math.max(tally.readyMs, readyMs),
      seconds: tally.seconds + seconds,
    });
    say(
      `round ${round} ${kind.name}${note === "" ? "" : ` (${note})`}: ${found.length === 0 ? "holds" : found.join("\n  ")}`,
    );
    if (found.length > 0) {
      const kept = await keep(world, options.keep, `seed-${seed}-round-${round}-${kind.name}`);
      findings.push(...found.map((what) => ({ round, kind: kind.name, what, kept })));
      world = null;
    } else if (round % roundsOfWorld === roundsOfWorld - 1) {
      proved = added(proved, world);
      findings.push(...(await lastLook(world, round, options)));
      world = null;
    }
  }
  if (world !== null) {
    proved = added(proved, world);
    findings.push(...(await lastLook(world, round, options)));
  }
  say(report(tallies, proved, round));
  for (const { round, kind, what, kept } of findings) say(`FINDING round ${round} ${kind}: ${what}\n  data: ${kept}`);
  return findings;
};

/** A world grows old: everything is looked at again after each round. */
const roundsOfWorld = 25;

const freshWorld = async (): Promise<World> => {
  const world = newWorld();
  await declared(await alive(world));
  return world;
};

type Played = { found: string[]; note: string; readyMs: number; seconds: number };

const playRound = async (kind: Kind, world: World, random: () => number): Promise<Played> => {
  const startedAt = performance.now();
  const notes: string[] = [];
  const round: Round = { world, random, note: (text) => notes.push(text) };
  const found: string[] = [];
  try {
    found.push(...(await kind.disturb(round)), ...(await lookedAt(world)));
    if (kind.thorough && found.length === 0) {
      found.push(...(await ended(world)), ...(await proven(world.data)));
    }
  } catch (error) {
    found.push((error as Error).message);
  }
  const readyMs = world.life?.readyMs ?? 0;
  return { found, note: notes.join(", "), readyMs, seconds: (performance.now() - startedAt) / 1000 };
};

/** The last look at a world: the platform's own proofs, and all that is derived, derived anew. */
const lastLook = async (world: World, round: number, options: KillOptions): Promise<KillFinding[]> => {
  const found: string[] = [];
  try {
    found.push(...(await lookedAt(world)));
    found.push(...(await rebuiltTheSame(await alive(world), world.data)));
    found.push(...(await ended(world)), ...(await proven(world.data)));
  } catch (error) {
    found.push((error as Error).message);
  }
  if (found.length === 0) {
    discard(world);
    return [];
  }
  const kept = await keep(world, options.keep, `seed-${options.seed}-end-${round}`);
  return found.map((what) => ({ round, kind: "end", what, kept }));
};

type Proved = { predictions: number; commands: number; points: number };

const added = (sum: Proved, { ledger }: World): Proved => ({
  predictions: sum.predictions + 40 * ledger.held,
  commands: sum.commands + ledger.commands.length,
  points: sum.points + ledger.points.length,
});

const report = (tallies: ReadonlyMap<string, Tally>, proved: Proved, rounds: number): string => {
  const rows = [...tallies].map(([kind, { rounds, findings, readyMs, seconds }]) => [
    kind,
    String(rounds),
    String(findings),
    (readyMs / 1000).toFixed(1),
    (seconds / rounds).toFixed(1),
  ]);
  const { predictions, commands, points } = proved;
  return [
    table(["kind", "rounds", "findings", "slowest ready, s", "seconds a round"], rows),
    `${rounds} rounds; looked at in the end: ${predictions} predictions, ${commands} commands, ${points} points of metrics`,
  ].join("\n");
};
