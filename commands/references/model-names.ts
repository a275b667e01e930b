import type { Clock } from "../../infra/clock.ts";
import type { EventStore } from "../../infra/event-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { streamName } from "../../schemas/lifecycle.ts";
import { model } from "../model/decider.ts";
import type { Model } from "../model/state.ts";
import { type Fold, stateReader } from "../state-reader.ts";
import { busy, CLAIM_MS, claimName, claimsOf, newestClaim } from "./name-claims.ts";

type Load = ReturnType<typeof stateReader>["load"];

const stateOf = async (load: Load, project: string, id: string): Promise<Model | null> =>
  (await load(streamName("model", project, id), model as Fold)).state as Model | null;

/** A model that was never renamed has its id for a name. An archived one has given its name up. */
const hasName = (state: Model | null, id: string, name: string): boolean =>
  state?.status === "active" && (state.name ?? id) === name;

const hasGivenUp = (state: Model | null, id: string, name: string): boolean =>
  state !== null &&
  (state.status === "archived" || state.formerNames.has(name) || (id === name && state.name !== null));

type Holders = { eventStore: EventStore; load: Load; project: string; name: string };

/** The model that claimed the name last, and the one whose id it is: either may have it. */
const holdersOf = async ({ eventStore, project, name }: Holders) => {
  const claim = await newestClaim(eventStore, claimsOf(project, "model", name));
  const claimant = claim === null ? null : (claim.data as { model: string }).model;
  return { claim, claimant, ids: [...new Set([name, ...(claimant === null ? [] : [claimant])])] };
};

/** Names of models are unique among those of a project that are not archived. */
export const modelNames = (eventStore: EventStore, load: Load, clock: Clock) => ({
  /** ALREADY_EXISTS; CONFLICT while another process is at it. */
  async take(project: string, name: string, id: string): Promise<void> {
    const { claim, claimant, ids } = await holdersOf({ eventStore, load, project, name });
    for (const other of ids) {
      if (other === id) continue;
      const state = await stateOf(load, project, other);
      if (hasName(state, other, name)) {
        throw new MillraceError("ALREADY_EXISTS", `model "${name}" exists with id ${other}`, {
          details: { model: other },
        });
      }
      const isPending = other === claimant && !hasGivenUp(state, other, name);
      if (isPending && claim !== null && clock() - claim.metadata.at <= CLAIM_MS) throw busy("model", name);
    }
    if (claimant !== id) await claimName(eventStore, clock, { project, of: "model", name, id, after: claim });
  },
});

/** Finds the model of a name as every answered command has left it; null when none that is active has it. */
export const modelFinder = (eventStore: EventStore) => {
  const { load } = stateReader(eventStore);
  const find = async (project: string, name: string): Promise<string | null> => {
    const { ids } = await holdersOf({ eventStore, load, project, name });
    for (const id of ids) if (hasName(await stateOf(load, project, id), id, name)) return id;
    return null;
  };
  return {
    find,
    /** An id for a new model of the name: the name, or with a number where a model has had that id. */
    async newId(project: string, name: string): Promise<string> {
      for (let count = 1; ; count++) {
        const id = count === 1 ? name : `${name}~${count}`;
        if ((await stateOf(load, project, id)) === null && (id === name || (await find(project, id)) === null))
          return id;
      }
    },
  };
};
