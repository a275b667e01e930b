import type { Actor } from "../commands/gate.ts";
import { MillraceError } from "../schemas/errors.ts";
import { preview } from "../schemas/preview.ts";
import type { ServerDeps } from "./deps.ts";
import type { Feeds } from "./subscriptions/feeds.ts";

/** What every resolver gets: who asks, under which correlation id, and what there is to ask. */
export type GraphContext = {
  deps: ServerDeps;
  feeds: Feeds;
  actor: Actor;
  correlationId: string;
};

/** FORBIDDEN unless the actor may read this in the project. */
export const allowRead = (context: GraphContext, name: string, project: string): Promise<void> =>
  context.deps.gate.authorize(context.actor, `query:${name}`, project);

/** Stores count in 63 bits. */
const MAX_POSITION = 2n ** 63n - 1n;

/** A position that a caller gives. BAD_REQUEST at once for what no log has, which would be waited for in vain. */
export const givenPosition = (name: string, position: string | null | undefined): string | undefined => {
  if (position === null || position === undefined) return undefined;
  if (/^(0|[1-9]\d{0,18})$/.test(position) && BigInt(position) <= MAX_POSITION) return position;
  throw new MillraceError(
    "BAD_REQUEST",
    `${name}: ${preview(position)} is no position; take it from a command's answer`,
  );
};

/** Waits until the documents reflect a position that a command answered; at once without one. */
export const reach = async (context: GraphContext, given: string | null | undefined): Promise<void> => {
  const position = givenPosition("afterPosition", given);
  if (position !== undefined) await context.deps.documents.waitFor(position);
};
