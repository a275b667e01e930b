import { moment } from "./moment.ts";
import { type Busy, busy, type World } from "./world.ts";

/** What a disturbance finds to work with. */
export type Round = { world: World; random: () => number; note(text: string): void };

/**
 * A way to disturb the platform. Before and after it the platform may run or not: `world.life` tells. The round then
 * looks at it, started again where it has ended. Answers what was wrong on the way.
 */
export type Kind = {
  name: string;
  /** Which option counts it. */
  group: "kills" | "stops" | "cuts" | "full" | "corrupt";
  /** The platform's own proofs are run afterwards, too. */
  thorough?: true;
  disturb(round: Round): Promise<string[]>;
};

/** A platform under load for a random while. */
export const working = async ({ world, random }: Round, longestMs = 3000): Promise<Busy> => {
  const clients = await busy(world);
  await moment(200 + random() * longestMs);
  return clients;
};
