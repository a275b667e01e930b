import type { EventStore, Position } from "../../infra/event-store/port.ts";
import { type LifecycleEvent, parseStreamName } from "../../schemas/lifecycle.ts";
import { upcast } from "../../schemas/upcasters.ts";
import type { Decider } from "../decider.ts";
import { deployment } from "../deployment/decider.ts";
import { eventSource } from "../event-source/decider.ts";
import { featureView } from "../feature-view/decider.ts";
import { keyedLock } from "../keyed-lock.ts";
import { model } from "../model/decider.ts";
import type { Fold } from "../state-reader.ts";

const followed = [eventSource, featureView, model, deployment] as const;
const folds = new Map<string, Fold>(followed.map((decider) => [decider.aggregate, decider as Fold]));
const prefixes = followed.map(({ aggregate }) => `${aggregate}-`);

/** What aggregates of the platform are, at the moment of the snapshot. */
export type Snapshot = {
  find<State, Command, Event>(decider: Decider<State, Command, Event>, project: string, id: string): State;
  /** Every aggregate of the kind in a project, in order of creation. */
  all<State, Command, Event>(
    decider: Decider<State | null, Command, Event>,
    project: string,
  ): { id: string; state: State }[];
  /** As `all`, over all projects. */
  everywhere<State, Command, Event>(
    decider: Decider<State | null, Command, Event>,
  ): { project: string; id: string; state: State }[];
};

/**
 * Folds the aggregates that others refer to. `now` first reads what was appended since the last call, so that it
 * reflects every command that was answered before.
 */
export const platformState = (eventStore: EventStore): { now(): Promise<Snapshot> } => {
  const groups = new Map<string, { project: string; states: Map<string, unknown> }>();
  const locked = keyedLock();
  let after: Position | undefined;

  const read = async (): Promise<void> => {
    for await (const stored of eventStore.readAll({ after, prefixes })) {
      after = stored.position;
      const stream = parseStreamName(stored.stream);
      const fold = stream && folds.get(stream.aggregate);
      if (!stream || !fold) continue;
      const name = `${stream.aggregate}-${stream.project}`;
      const group = groups.get(name) ?? { project: stream.project, states: new Map() };
      groups.set(name, group);
      const data = upcast(stored.type, stored.metadata.schemaVersion, stored.data);
      const before = group.states.get(stream.id) ?? fold.initial;
      const event = { type: stored.type, data, by: stored.metadata.actor } as LifecycleEvent;
      group.states.set(stream.id, fold.evolve(before, event));
    }
  };

  const snapshot: Snapshot = {
    find: <State, C, E>(decider: Decider<State, C, E>, project: string, id: string) =>
      (groups.get(`${decider.aggregate}-${project}`)?.states.get(id) ?? decider.initial) as State,
    all: <State, C, E>(decider: Decider<State | null, C, E>, project: string) =>
      [...(groups.get(`${decider.aggregate}-${project}`)?.states ?? [])].map(([id, state]) => ({
        id,
        state: state as State,
      })),
    everywhere: <State, C, E>(decider: Decider<State | null, C, E>) =>
      [...groups]
        .filter(([name, { project }]) => name === `${decider.aggregate}-${project}`)
        .flatMap(([, { project, states }]) =>
          [...states].map(([id, state]) => ({ project, id, state: state as State })),
        ),
  };

  return {
    now: () =>
      locked("read", async () => {
        await read();
        return snapshot;
      }),
  };
};
