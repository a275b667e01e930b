import { MillraceError } from "../../schemas/errors.ts";
import { parseStreamName } from "../../schemas/lifecycle.ts";
import { isReadable } from "../../schemas/upcasters.ts";
import type { EventMetadata, Fault, Position, StoredEvent, SubscriptionMessage } from "./port.ts";

/** An event as it was found. `wrong` says why it cannot be read; its data and metadata then stand for nothing. */
export type FoundEvent = StoredEvent & { wrong?: Wrong };
export type Wrong = Pick<Fault, "code"> & { why: string };

const unreadable = (why: string): Wrong => ({ code: "UNREADABLE_EVENT", why });

/** Stands where an event has no metadata that could be read. */
const noMetadata: EventMetadata = {
  $correlationId: "",
  $causationId: "",
  actor: "",
  project: "",
  schemaVersion: 0,
  at: 0,
};

type Place = Pick<StoredEvent, "id" | "type" | "stream" | "revision" | "position">;

/** An event of which only the place can be read. */
export const wrongEvent = (place: Place, wrong: Wrong): FoundEvent => ({
  ...place,
  data: null,
  metadata: noMetadata,
  wrong,
});

/** An event whose data and metadata are these texts, if they are what an event of ours has. */
export const foundEvent = (place: Place, data: string, metadata: string): FoundEvent => {
  let parsed: unknown;
  let about: unknown;
  try {
    about = JSON.parse(metadata);
  } catch {
    about = null;
  }
  if (!isMetadata(about)) return wrongEvent(place, unreadable("it has no metadata of this platform"));
  try {
    parsed = JSON.parse(data);
  } catch {
    return wrongEvent(place, unreadable("its data is not JSON"));
  }
  const { id, type, stream, revision, position } = place;
  return { id, type, data: parsed, metadata: about, stream, revision, position };
};

/** What followers are told of an event that is not admitted. */
export const skipped = ({ stream, position }: FoundEvent): SubscriptionMessage => ({
  type: "skipped",
  stream,
  position,
});

const isMetadata = (value: unknown): value is EventMetadata => {
  if (typeof value !== "object" || value === null) return false;
  const { $correlationId, $causationId, actor, project, schemaVersion, at } = value as Partial<EventMetadata>;
  return (
    typeof at === "number" &&
    typeof schemaVersion === "number" &&
    typeof actor === "string" &&
    typeof project === "string" &&
    typeof $correlationId === "string" &&
    typeof $causationId === "string"
  );
};

/** What is wrong with an event of an aggregate's stream that is well-formed; null for nothing. */
const wrongOf = ({ wrong, stream, type, data, metadata }: FoundEvent): Wrong | null => {
  if (wrong !== undefined) return wrong;
  const isObject = typeof data === "object" && data !== null;
  if (isObject && isReadable(type, metadata.schemaVersion)) return null;
  if (parseStreamName(stream) === null) return null;
  if (!isReadable(type, metadata.schemaVersion)) {
    const what = `type ${type}, version ${metadata.schemaVersion}`;
    return { code: "UNKNOWN_EVENT", why: `this release does not know its ${what}: upgrade Millrace` };
  }
  return unreadable("its data is no object");
};

const faultAt = ({ code, why }: Wrong, { stream, revision, position }: StoredEvent): Fault => ({
  code,
  stream,
  revision,
  position,
  message: `${stream} cannot be read from revision ${revision} on (position ${position}): ${why}`,
});

/** The fault of a stream whose events up to a revision are gone. */
export const incomplete = (stream: string, revision: bigint, position: Position | null, why: string): Fault => ({
  code: "HISTORY_INCOMPLETE",
  stream,
  revision,
  position,
  message: `the history of ${stream} is incomplete: ${why}; restore the event store from a backup`,
});

export const faultError = (fault: Fault): MillraceError => {
  const { code, stream, revision, position, message } = fault;
  return new MillraceError(code, message, { details: { stream, revision: Number(revision), position } });
};

export type HistoryGuard = {
  /**
   * For readers of many streams: false for an event that cannot be read and for all that follow it in its stream. Not
   * for one that comes after a checkpoint beyond which the reader begins.
   */
  admits(event: FoundEvent, verbatim?: boolean): boolean;
  /** For readers of one stream, which expect this revision. Throws what `readStream` promises. */
  demand(event: FoundEvent, expected: bigint): StoredEvent;
  faults(): ReadonlyMap<string, Fault>;
};

export const historyGuard = (onFault: (fault: Fault) => void = () => {}): HistoryGuard => {
  const faults = new Map<string, Fault>();
  return {
    admits(event, verbatim = false) {
      if (verbatim && event.wrong === undefined) return true;
      if (faults.size > 0 && faults.has(event.stream)) return false;
      const wrong = wrongOf(event);
      if (wrong === null) return true;
      const fault = faultAt(wrong, event);
      faults.set(event.stream, fault);
      onFault(fault);
      return false;
    },
    demand(event, expected) {
      const fault = faultOf(event, expected);
      if (fault !== null) throw faultError(fault);
      return event;
    },
    faults: () => faults,
  };
};

const faultOf = (event: FoundEvent, expected: bigint): Fault | null => {
  const wrong = wrongOf(event);
  if (wrong !== null) return faultAt(wrong, event);
  if (event.revision === expected) return null;
  const gone = `revision ${expected} is gone, ${event.revision} follows`;
  return incomplete(event.stream, event.revision, event.position, gone);
};

/** The first fault of each stream, of events in the order of the log from its beginning. */
export async function* faultsIn(log: AsyncIterable<FoundEvent>): AsyncGenerator<Fault> {
  const next = new Map<string, bigint>();
  const faulty = new Set<string>();
  for await (const event of log) {
    if (faulty.has(event.stream)) continue;
    const fault = faultOf(event, next.get(event.stream) ?? 0n);
    next.set(event.stream, event.revision + 1n);
    if (fault === null) continue;
    faulty.add(event.stream);
    next.delete(event.stream);
    yield fault;
  }
}
