import type { Aggregate, LifecycleEvent } from "../schemas/lifecycle.ts";
import type { Checks } from "./checks.ts";
import type { Decider, DecisionContext } from "./decider.ts";
import type { Command, CommandType, Payload } from "./payloads.ts";

/** What the platform fills in where a command leaves it out. */
export type CommandDefaults = { partitions: number };

export type HandlerContext<State> = {
  project: string;
  /** The aggregate that the command is for. */
  id: string;
  /** The aggregate as it is now. */
  state: State;
  checks: Checks;
  defaults: CommandDefaults;
};

/**
 * How one command type reaches its decider. `prepare` asks the world and turns the payload into the decider's
 * command; it skips what the decider will refuse or ignore anyhow. `serial` says which commands must not overlap
 * in this process, because one's checks read what the other writes: those of a project, or all.
 */
export type HandlerSpec<Type extends CommandType, State, DeciderCommand> = {
  id(payload: Payload<Type>, project: string): string | undefined;
  /** The aggregate's id from a UUID, where the payload names none; the UUID itself without it. */
  idFrom?(uuid: string): string;
  prepare(payload: Payload<Type>, context: HandlerContext<State>): DeciderCommand | Promise<DeciderCommand>;
  serial?: "project" | "platform";
  /** Of a command that led to no event: the number of the version that it asked for and that is there already. */
  version?(command: DeciderCommand, state: State): number | undefined;
};

export type Decision = { events: LifecycleEvent[]; version: number | undefined };

/** A handler whose types the bus need not know. */
export type Handler = {
  aggregate: Aggregate;
  initial: unknown;
  serial: "project" | "platform" | null;
  id(payload: unknown, project: string): string | undefined;
  idFrom(uuid: string): string;
  decide(payload: unknown, context: HandlerContext<unknown>, decision: () => DecisionContext): Promise<Decision>;
  evolve(state: unknown, event: LifecycleEvent): unknown;
};

/** The handlers of one aggregate. Types are erased here, and only here: the bus hands each its own state and payload. */
export const handlersOf = <Type extends CommandType, State, DeciderCommand, Event extends LifecycleEvent>(
  decider: Decider<State, DeciderCommand, Event>,
  specs: { [Each in Type]: HandlerSpec<Each, State, DeciderCommand> },
): Record<Type, Handler> => {
  const erased = (spec: HandlerSpec<Type, State, DeciderCommand>): Handler => ({
    aggregate: decider.aggregate,
    initial: decider.initial,
    serial: spec.serial ?? null,
    id: (payload, project) => spec.id(payload as Payload<Type>, project),
    idFrom: (uuid) => spec.idFrom?.(uuid) ?? uuid,
    async decide(payload, context, decision) {
      const command = await spec.prepare(payload as Payload<Type>, context as HandlerContext<State>);
      const state = context.state as State;
      const events = decider.decide(command, state, decision());
      return { events, version: versionIn(events) ?? spec.version?.(command, state) };
    },
    evolve: (state, event) => decider.evolve(state as State, event as Event),
  });
  const entries = Object.entries(specs) as [Type, HandlerSpec<Type, State, DeciderCommand>][];
  return Object.fromEntries(entries.map(([type, spec]) => [type, erased(spec)])) as Record<Type, Handler>;
};

/** The number of the version that an event of models or feature views is about. */
export const versionIn = (events: readonly { data: unknown }[]): number | undefined =>
  events.map(({ data }) => (data as { version?: number }).version).find((version) => version !== undefined);

/** Hands the command to the decider as it was given, after a check of the world where there is one. */
export const asGiven =
  <Type extends CommandType, State>(
    type: Type,
    check?: (data: Payload<Type>, context: HandlerContext<State>) => Promise<void>,
  ) =>
  async (data: Payload<Type>, context: HandlerContext<State>): Promise<Command<Type>> => {
    await check?.(data, context);
    return { type, data };
  };
