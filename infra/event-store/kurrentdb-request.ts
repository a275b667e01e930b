import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import pb from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { type Position, START } from "./port.ts";

/** What to read of the server; streams by the names that they have there. */
export type ReadRequest =
  /** Events of one stream; from its first or, backwards, its last without `from`, which is inclusive. */
  | { of: "stream"; stream: string; from?: bigint; backwards?: boolean; count?: number }
  /** Events of the log in its order; the one at `from` included. */
  | { of: "log"; streams: Streams; from: Position; count?: number }
  /** Events of the log, from its end backwards. */
  | { of: "end"; streams: Streams | "everyone"; count: number }
  /** Events of the log after a position, and whatever follows. */
  | { of: "subscription"; streams: Streams; after: Position };

/** Those whose names begin with one of these; all but the server's own where it is undefined. */
export type Streams = readonly string[] | undefined;

const { Options } = pb.ReadReq;

const noLimit = String(Number.MAX_SAFE_INTEGER);
/** Events that the server looks through before it says how far it is. */
const searchWindow = 512;
const nothing = (): InstanceType<typeof shared.Empty> => new shared.Empty();

/** `ReadReq` of KurrentDB's streams.proto. */
export const encodeRequest = (request: ReadRequest): Buffer => {
  const options = new Options()
    .setResolveLinks(false)
    .setReadDirection(Options.ReadDirection[isBackwards(request) ? "BACKWARDS" : "FORWARDS"])
    .setUuidOption(new Options.UUIDOption().setString(nothing()));
  if (request.of === "subscription") options.setSubscription(new Options.SubscriptionOptions());
  else options.setCount(request.count === undefined ? noLimit : String(request.count));
  if (request.of === "stream") options.setStream(streamOptions(request)).setNoFilter(nothing());
  else {
    options.setAll(allOptions(request));
    if (request.streams === "everyone") options.setNoFilter(nothing());
    else options.setFilter(filterOf(request.streams));
  }
  return Buffer.from(new pb.ReadReq().setOptions(options).serializeBinary());
};

const isBackwards = (request: ReadRequest): boolean =>
  request.of === "end" || (request.of === "stream" && request.backwards === true);

const streamOptions = ({ stream, from, backwards }: ReadRequest & { of: "stream" }) => {
  const options = new Options.StreamOptions().setStreamIdentifier(
    new shared.StreamIdentifier().setStreamName(Buffer.from(stream)),
  );
  if (from !== undefined) return options.setRevision(String(from));
  return backwards === true ? options.setEnd(nothing()) : options.setStart(nothing());
};

const allOptions = (request: Exclude<ReadRequest, { of: "stream" }>) => {
  const options = new Options.AllOptions();
  if (request.of === "end") return options.setEnd(nothing());
  const from = request.of === "log" ? request.from : request.after;
  if (from === START) return options.setStart(nothing());
  // An event that one append wrote has one number for both.
  return options.setPosition(new Options.Position().setCommitPosition(from).setPreparePosition(from));
};

const filterOf = (streams: Streams) => {
  const expression = new Options.FilterOptions.Expression();
  if (streams === undefined) expression.setRegex("^[^$]");
  else expression.setPrefixList([...streams]);
  return new Options.FilterOptions()
    .setStreamIdentifier(expression)
    .setMax(searchWindow)
    .setCheckpointintervalmultiplier(1);
};
