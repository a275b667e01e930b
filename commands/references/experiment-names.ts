import type { Clock } from "../../infra/clock.ts";
import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { streamName } from "../../schemas/lifecycle.ts";
import { type Experiment, experiment } from "../experiment/decider.ts";
import { type Fold, stateReader } from "../state-reader.ts";
import { busy, CLAIM_MS, claimName, claimsOf, newestClaim } from "./name-claims.ts";

/** The last claim on a name says which experiment has it, or is about to. */
type Claim = { name: string; experiment: string };

type Load = ReturnType<typeof stateReader>["load"];

const stateOf = async (load: Load, project: string, id: string): Promise<Experiment | null> =>
  (await load(streamName("experiment", project, id), experiment as Fold)).state as Experiment | null;

/**
 * Names of experiments are unique in their project, deleted ones included. A name is claimed before an
 * experiment is given it.
 */
export const experimentNames = (eventStore: EventStore, load: Load, clock: Clock) => {
  /** Whether another may take the name over, and if not, why. */
  const checkFree = async (project: string, claim: StoredEvent, id: string): Promise<void> => {
    const { name, experiment: holder } = claim.data as Claim;
    if (holder === id) return;
    const state = await stateOf(load, project, holder);
    if (state?.name === name) {
      const where = state.status === "deleted" ? " and is deleted; restore it or choose another name" : "";
      throw new MillraceError("ALREADY_EXISTS", `experiment "${name}" exists with id ${holder}${where}`, {
        details: { experiment: holder, deleted: state.status === "deleted" },
      });
    }
    if (state?.formerNames.has(name) || clock() - claim.metadata.at > CLAIM_MS) return;
    throw busy("experiment", name);
  };

  return {
    /** ALREADY_EXISTS, saying whether the holder is deleted; CONFLICT while another process is at it. */
    async take(project: string, name: string, id: string): Promise<void> {
      const claim = await newestClaim(eventStore, claimsOf(project, "experiment", name));
      if (claim !== null) await checkFree(project, claim, id);
      if ((claim?.data as Claim | undefined)?.experiment === id) return;
      await claimName(eventStore, clock, { project, of: "experiment", name, id, after: claim });
    },
  };
};

/** Finds the experiment of a name, deleted or not, as every answered command has left it; null when none has it. */
export const experimentFinder = (
  eventStore: EventStore,
): ((project: string, name: string) => Promise<string | null>) => {
  const { load } = stateReader(eventStore);
  return async (project, name) => {
    const claim = await newestClaim(eventStore, claimsOf(project, "experiment", name));
    if (claim === null) return null;
    const { experiment: holder } = claim.data as Claim;
    return (await stateOf(load, project, holder))?.name === name ? holder : null;
  };
};
