import {
  type AllStreamResolvedEvent,
  type JSONEventData,
  type JSONType,
  jsonEvent,
  type Filter as KurrentDbFilter,
  type ReadPosition,
  type ResolvedEvent,
  START as START_OF_LOG,
  streamNameFilter,
} from "@kurrent/kurrentdb-client";
import { MillraceError } from "../../schemas/errors.ts";
import { type EventMetadata, type NewEvent, type Position, START, type StoredEvent } from "./port.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** BAD_REQUEST for an id that is no UUID: KurrentDB takes no others. */
export const eventData = ({ id, type, data, metadata }: NewEvent): JSONEventData => {
  if (!uuid.test(id)) throw new MillraceError("BAD_REQUEST", `"${id}" is no UUID in lower case, KurrentDB needs one`);
  return jsonEvent({ id, type, data: (data ?? null) as JSONType, metadata: { ...metadata } });
};

/** null where a link points to an event that is gone. */
export const storedEvent = ({ event }: ResolvedEvent | AllStreamResolvedEvent): StoredEvent | null => {
  if (event === undefined) return null;
  const { id, type, data, revision, streamId: stream } = event;
  if (event.position === undefined) {
    throw new MillraceError("ENGINE_REFUSED", "the server tells no positions: EventStoreDB 22.10 or later is needed");
  }
  const position = String(event.position.commit);
  return { id, type, data, metadata: event.metadata as EventMetadata, stream, revision, position };
};

/** An event that one append wrote has one number for both. */
export const logPosition = (position: Position): ReadPosition =>
  position === START ? START_OF_LOG : { commit: BigInt(position), prepare: BigInt(position) };

/** Streams of the server itself begin with `$`. */
export const streamFilter = (prefixes: readonly string[] | undefined): KurrentDbFilter =>
  prefixes === undefined
    ? streamNameFilter({ regex: "^[^$]", maxSearchWindow: 512 })
    : streamNameFilter({ prefixes: [...prefixes], maxSearchWindow: 512 });
