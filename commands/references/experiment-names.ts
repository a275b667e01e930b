import { type Clock, uuidv7 } from "../../infra/clock.ts";
import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { streamName } from "../../schemas/lifecycle.ts";
import { auxiliaryStreams } from "../../schemas/own-streams.ts";
import { type Experiment, experiment } from "../experiment/decider.ts";
import { uuidv5 } from "../identity.ts";
import { type Fold, stateReader } from "../state-reader.ts";

/** The last claim on a name says which experiment has it, or is about to. */
type Claim = { name: string; experiment: string };

/** A claim that led to nothing (its process died) stands so long. */
const CLAIM_MS = 10_000;

const claims = (project: string, name: string): string =>
  `${auxiliaryStreams.names}${project}/experiment-${uuidv5(name)}`;

type Load = ReturnType<typeof stateReader>["load"];

const stateOf = async (load: Load, project: string, id: string): Promise<Experiment | null> =>
  (await load(streamName("experiment", project, id), experiment as Fold)).state as Experiment | null;

const newestClaim = async (eventStore: EventStore, stream: string): Promise<StoredEvent | null> => {
  let newest: StoredEvent | null = null;
  for await (const event of eventStore.readStream(stream)) newest = event;
  return newest;
};

/**
 * Names of experiments are unique in their project, deleted ones included. A name is claimed in a stream of its own
 * (not an aggregate's, so projections never see it) before an experiment is given it: of two processes only one claims.
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
    throw busy(name);
  };

  return {
    /** ALREADY_EXISTS, saying whether the holder is deleted; CONFLICT while another process is at it. */
    async take(project: string, name: string, id: string): Promise<void> {
      const stream = claims(project, name);
      const claim = await newestClaim(eventStore, stream);
      if (claim !== null) await checkFree(project, claim, id);
      if ((claim?.data as Claim | undefined)?.experiment === id) return;
      const eventId = uuidv7(clock());
      const metadata = {
        $correlationId: eventId,
        $causationId: eventId,
        actor: "experiment-names",
        project,
        schemaVersion: 1,
        at: clock(),
      };
      const claimed = { id: eventId, type: "ExperimentNameClaimed", data: { name, experiment: id }, metadata };
      try {
        await eventStore.append(stream, [claimed], claim?.revision ?? "no-stream");
      } catch (error) {
        if (isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw busy(name);
        throw error;
      }
    },
  };
};

/** Finds the experiment of a name, deleted or not, as every answered command has left it; null when none has it. */
export const experimentFinder = (
  eventStore: EventStore,
): ((project: string, name: string) => Promise<string | null>) => {
  const { load } = stateReader(eventStore);
  return async (project, name) => {
    const claim = await newestClaim(eventStore, claims(project, name));
    if (claim === null) return null;
    const { experiment: holder } = claim.data as Claim;
    return (await stateOf(load, project, holder))?.name === name ? holder : null;
  };
};

const busy = (name: string): MillraceError =>
  new MillraceError("CONFLICT", `experiment name "${name}" is being given to another experiment; try again`);
