import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import features from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import wireStatus from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js";
import pb from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";

/** What belongs to the client, loaded as the client loads it: it is no dependency of ours. */
const clientRequire = createRequire(createRequire(import.meta.url).resolve("@kurrent/kurrentdb-client"));
const grpc = clientRequire("@grpc/grpc-js");
const { Any } = clientRequire("google-protobuf/google/protobuf/any_pb");
const generated = "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1";
const { StreamsService } = clientRequire(`${generated}/streams_grpc_pb.js`);
const { ServerFeaturesService } = clientRequire(`${generated}/serverfeatures_grpc_pb.js`);

type Row = {
  position: bigint;
  stream: string;
  revision: bigint;
  id: string;
  type: string;
  data: Uint8Array;
  metadata: Uint8Array;
  response: InstanceType<typeof pb.ReadResp>;
};
type ServerCall<Request, Response> = {
  request: Request;
  metadata: { get(name: string): unknown[] };
  write(response: Response): void;
  end(): void;
  /** How gRPC's server answers with a status. */
  emit(event: "error", status: Error): void;
  on(event: "data", listener: (request: Request) => void): void;
  on(event: "cancelled" | "end", listener: () => void): void;
};
type ReadCall = ServerCall<InstanceType<typeof pb.ReadReq>, InstanceType<typeof pb.ReadResp>>;
type AppendCall = ServerCall<InstanceType<typeof pb.BatchAppendReq>, InstanceType<typeof pb.BatchAppendResp>>;
type ReadOptions = InstanceType<typeof pb.ReadReq.Options>;

export type KurrentDbDouble = {
  url: string;
  /** Breaks every subscription; what is appended meanwhile must be read after it. */
  dropSubscriptions(): number;
  /** The next append is written, and its answer lost with the connection. */
  loseNextAnswer(): void;
  /** Every call is refused from now on, as wrong credentials are. */
  refuseCredentials(): void;
  /** What the server writes for itself, into a system stream. */
  writeStatistics(): void;
  close(): void;
};

const text = (bytes: string | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString("utf8");

const failure = (code: number, details: string): Error => Object.assign(new Error(details), { code, details });

/**
 * Speaks KurrentDB's gRPC protocol over a log in memory, as far as the adapter uses it. It takes the client, its native
 * reader and its connection through their paces; what it says of the server is what the protocol and the server's
 * source say, not proof of the server.
 */
export const kurrentDbDouble = async (): Promise<KurrentDbDouble> => {
  const log: Row[] = [];
  const subscriptions = new Map<ReadCall, (row: Row) => void>();
  let loseAnswer = false;
  let refuses = false;

  const refuse = (call: Pick<ReadCall, "emit">): boolean => {
    if (refuses) call.emit("error", failure(grpc.status.UNAUTHENTICATED, "Authentication failed"));
    return refuses;
  };

  const add = (given: Omit<Row, "position" | "response">): Row => {
    const last = log.at(-1)?.position ?? 0n;
    const row = { ...given, position: last + 1n + BigInt(given.data.length + given.metadata.length) };
    const added = { ...row, response: encoded(row) };
    log.push(added);
    for (const send of subscriptions.values()) send(added);
    return added;
  };
  const revisionOf = (stream: string): bigint => log.findLast((row) => row.stream === stream)?.revision ?? -1n;

  const read = (call: ReadCall): void => {
    if (refuse(call)) return;
    const options = call.request.getOptions() as ReadOptions;
    const stream = options.getStream()?.getStreamIdentifier()?.getStreamName();
    const name = stream === undefined ? undefined : text(stream);
    const rows = selected(options, name, log);
    if (options.hasSubscription()) {
      subscribe(call, options, rows);
      return;
    }
    if (name !== undefined && revisionOf(name) < 0n) {
      const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(name));
      call.write(new pb.ReadResp().setStreamNotFound(new pb.ReadResp.StreamNotFound().setStreamIdentifier(identifier)));
    }
    for (const row of rows.slice(0, Number(options.getCount()))) call.write(row.response);
    call.end();
  };

  const subscribe = (call: ReadCall, options: ReadOptions, history: Row[]): void => {
    const matches = streamMatcher(options);
    call.write(
      new pb.ReadResp().setConfirmation(new pb.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID())),
    );
    for (const row of history) call.write(row.response);
    call.write(new pb.ReadResp().setCaughtUp(new pb.ReadResp.CaughtUp()));
    subscriptions.set(call, (row) => matches(row.stream) && call.write(row.response));
    call.on("cancelled", () => subscriptions.delete(call));
  };

  const batchAppend = (call: AppendCall): void => {
    if (refuse(call)) return;
    const open = new Map<string, InstanceType<typeof pb.BatchAppendReq>[]>();
    call.on("data", (request) => {
      const correlationId = request.getCorrelationId()?.getString() ?? "";
      const parts = [...(open.get(correlationId) ?? []), request];
      open.set(correlationId, parts);
      if (!request.getIsFinal()) return;
      open.delete(correlationId);
      const answer = appended(parts);
      if (loseAnswer) {
        loseAnswer = false;
        call.emit("error", failure(grpc.status.UNAVAILABLE, "connection lost"));
      } else call.write(answer);
    });
    call.on("end", () => call.end());
  };

  const appended = (parts: InstanceType<typeof pb.BatchAppendReq>[]) => {
    const options = parts[0].getOptions();
    const identifier = options?.getStreamIdentifier();
    const stream = text(identifier?.getStreamName() ?? "");
    const answer = new pb.BatchAppendResp()
      .setCorrelationId(parts[0].getCorrelationId())
      .setStreamIdentifier(identifier);
    const current = revisionOf(stream);
    const wanted = options?.hasNoStream() ? -1n : BigInt(options?.getStreamPosition() ?? 0);
    if (!options?.hasAny() && wanted !== current) return answer.setError(wrongVersion(current, wanted));
    let row: Row | undefined;
    for (const message of parts.flatMap((part) => part.getProposedMessagesList())) {
      row = add({
        stream,
        revision: revisionOf(stream) + 1n,
        id: message.getId()?.getString() ?? "",
        type: message.getMetadataMap().get("type") ?? "",
        data: message.getData_asU8(),
        metadata: message.getCustomMetadata_asU8(),
      });
    }
    const position = new shared.AllStreamPosition()
      .setCommitPosition(String(row?.position))
      .setPreparePosition(String(row?.position));
    return answer.setSuccess(
      new pb.BatchAppendResp.Success().setCurrentRevision(String(row?.revision)).setPosition(position),
    );
  };

  const server = new grpc.Server();
  const unsupported = (_: unknown, callback: (error: Error) => void) =>
    callback(failure(grpc.status.UNIMPLEMENTED, "not in the double"));
  server.addService(StreamsService, {
    read,
    batchAppend,
    append: unsupported,
    delete: unsupported,
    tombstone: unsupported,
  });
  server.addService(ServerFeaturesService, {
    getSupportedMethods: (_: unknown, callback: (error: Error | null, methods?: unknown) => void) => {
      if (refuses) return callback(failure(grpc.status.UNAUTHENTICATED, "Authentication failed"));
      const method = new features.SupportedMethod()
        .setServiceName("event_store.client.streams.streams")
        .setMethodName("batchappend");
      callback(null, new features.SupportedMethods().setEventStoreServerVersion("25.0.0").setMethodsList([method]));
    },
  });
  // gRPC's own listener leaves Nagle's algorithm on, which costs most small answers 40 ms.
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const listener = createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;

  return {
    url: `kurrentdb://127.0.0.1:${port}?tls=false`,
    dropSubscriptions() {
      const dropped = [...subscriptions.keys()];
      subscriptions.clear();
      for (const call of dropped) call.emit("error", failure(grpc.status.UNAVAILABLE, "the node goes down"));
      return dropped.length;
    },
    loseNextAnswer() {
      loseAnswer = true;
    },
    refuseCredentials() {
      refuses = true;
    },
    writeStatistics() {
      const stream = "$stats-127.0.0.1:2113";
      const metadata = Buffer.alloc(0);
      const data = Buffer.from("{}");
      add({ stream, revision: revisionOf(stream) + 1n, id: randomUUID(), type: "$statsCollected", data, metadata });
    },
    close() {
      listener.close();
      injector.destroy();
      server.forceShutdown();
    },
  };
};

const streamMatcher = (options: ReadOptions): ((stream: string) => boolean) => {
  const expression = options.getFilter()?.getStreamIdentifier();
  if (expression === undefined) return () => true;
  const prefixes = expression.getPrefixList();
  const regex = new RegExp(expression.getRegex());
  return prefixes.length > 0
    ? (stream) => prefixes.some((prefix) => stream.startsWith(prefix))
    : (stream) => regex.test(stream);
};

/** Reads of `$all` begin with the event at their position, subscriptions after it, backward reads before it. */
const selected = (options: ReadOptions, stream: string | undefined, log: readonly Row[]): Row[] => {
  const backwards = options.getReadDirection() === pb.ReadReq.Options.ReadDirection.BACKWARDS;
  const all = options.getAll()?.getPosition();
  const matches = streamMatcher(options);
  const revision = options.getStream()?.hasRevision() ? BigInt(options.getStream()?.getRevision() ?? 0) : null;
  const position = all === undefined ? null : BigInt(all.getCommitPosition());
  const isWanted = (row: Row): boolean => {
    if (stream !== undefined) {
      const inRange = revision === null || (backwards ? row.revision <= revision : row.revision >= revision);
      return row.stream === stream && inRange;
    }
    if (!matches(row.stream)) return false;
    if (position === null) return true;
    if (backwards) return row.position < position;
    return options.hasSubscription() ? row.position > position : row.position >= position;
  };
  const rows = log.filter(isWanted);
  return backwards ? rows.reverse() : rows;
};

/** Made and encoded once an event: rows are read very often. */
const encoded = (row: Omit<Row, "response">) => {
  const recorded = new pb.ReadResp.ReadEvent.RecordedEvent()
    .setId(new shared.UUID().setString(row.id))
    .setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(row.stream)))
    .setStreamRevision(String(row.revision))
    .setCommitPosition(String(row.position))
    .setPreparePosition(String(row.position))
    .setData(row.data)
    .setCustomMetadata(row.metadata);
  recorded.getMetadataMap().set("type", row.type);
  recorded.getMetadataMap().set("content-type", "application/json");
  // 100 ns since 1970.
  recorded.getMetadataMap().set("created", String(Date.now() * 10_000));
  const response = new pb.ReadResp().setEvent(
    new pb.ReadResp.ReadEvent().setEvent(recorded).setCommitPosition(String(row.position)),
  );
  const bytes = response.serializeBinary();
  response.serializeBinary = () => bytes;
  return response;
};

const wrongVersion = (current: bigint, wanted: bigint) => {
  const { Empty } = clientRequire("google-protobuf/google/protobuf/empty_pb");
  const details = new shared.WrongExpectedVersion();
  if (current < 0n) details.setCurrentNoStream(new Empty());
  else details.setCurrentStreamRevision(String(current));
  if (wanted < 0n) details.setExpectedNoStream(new Empty());
  else details.setExpectedStreamPosition(String(wanted));
  const any = new Any();
  any.pack(details.serializeBinary(), "event_store.client.WrongExpectedVersion");
  return new wireStatus.Status().setCode(9).setMessage("WrongExpectedVersion").setDetails(any);
};
