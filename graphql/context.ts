import type { Actor } from "../commands/gate.ts";
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

/** Waits until the documents reflect a position that a command answered; at once without one. */
export const reach = async (context: GraphContext, position: string | null | undefined): Promise<void> => {
  if (position !== null && position !== undefined) await context.deps.documents.waitFor(position);
};
