import { type Clock, uuidv7 } from "../../infra/clock.ts";
import type { EventStore, StoredEvent } from "../../infra/event-store/port.ts";
import { isMillraceError, MillraceError } from "../../schemas/errors.ts";
import { auxiliaryStreams } from "../../schemas/own-streams.ts";
import { uuidv5 } from "../identity.ts";

/** A claim that led to nothing (its process died) stands so long. */
export const CLAIM_MS = 10_000;

/** What has names that are unique in its project. */
type Named = "experiment" | "model";

const eventTypes: Readonly<Record<Named, string>> = { experiment: "ExperimentNameClaimed", model: "ModelNameClaimed" };

/** A name is claimed in a stream of its own (not an aggregate's, so projections never see it). */
export const claimsOf = (project: string, of: Named, name: string): string =>
  `${auxiliaryStreams.names}${project}/${of}-${uuidv5(name)}`;

/** The last claim on a name says who has it, or is about to. */
export const newestClaim = async (eventStore: EventStore, stream: string): Promise<StoredEvent | null> => {
  let newest: StoredEvent | null = null;
  for await (const event of eventStore.readStream(stream)) newest = event;
  return newest;
};

type NewClaim = { project: string; of: Named; name: string; id: string; after: StoredEvent | null };

/** CONFLICT while another process is at it: of two only one claims. */
export const claimName = async (
  eventStore: EventStore,
  clock: Clock,
  { project, of, name, id, after }: NewClaim,
): Promise<void> => {
  const eventId = uuidv7(clock());
  const metadata = {
    $correlationId: eventId,
    $causationId: eventId,
    actor: `${of}-names`,
    project,
    schemaVersion: 1,
    at: clock(),
  };
  const claimed = { id: eventId, type: eventTypes[of], data: { name, [of]: id }, metadata };
  try {
    await eventStore.append(claimsOf(project, of, name), [claimed], after?.revision ?? "no-stream");
  } catch (error) {
    if (isMillraceError(error, "WRONG_EXPECTED_REVISION")) throw busy(of, name);
    throw error;
  }
};

export const busy = (of: Named, name: string): MillraceError =>
  new MillraceError("CONFLICT", `${of} name "${name}" is being given to another ${of}; try again`);
