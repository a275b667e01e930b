import type { Aggregate } from "../schemas/lifecycle.ts";

/** What a decision may depend on besides command and state. `now` is UTC milliseconds. */
export type DecisionContext = {
  readonly now: number;
  readonly actor: string;
  /** The actor is an administrator of the platform. */
  readonly admin?: boolean;
};

/**
 * One kind of aggregate as two pure functions. `decide` answers the events that a command leads to (none when
 * the state is already as asked) or throws a `MillraceError`; it never changes the state. `evolve` is total over
 * every event of the aggregate ever released and answers a new state.
 */
export type Decider<State, Command, Event> = {
  readonly aggregate: Aggregate;
  readonly initial: State;
  decide(command: Command, state: State, context: DecisionContext): Event[];
  evolve(state: State, event: Event): State;
};
