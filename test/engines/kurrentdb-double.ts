import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import features from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js";
import shared from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js";
import pb from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js";
import { blank, doubleLog, type Row } from "./kurrentdb-double-log.ts";
import {
  clientRequire,
  encoded,
  inRange,
  type ReadOptions,
  selected,
  statusOf,
  streamMatcher,
  wrongVersion,
} from "./kurrentdb-double-wire.ts";

const grpc = clientRequire("@grpc/grpc-js");
const generated = "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1";
const { StreamsService } = clientRequire(`${generated}/streams_grpc_pb.js`);
const { ServerFeaturesService } = clientRequire(`${generated}/serverfeatures_grpc_pb.js`);

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

export type KurrentDbDouble = Pick<
  ReturnType<typeof doubleLog>,
  "backup" | "scavenge" | "setMetadata" | "softDelete" | "tombstone"
> & {
  url: string;
  /** An event of somebody else's, in whichever stream; a JSON object without metadata where nothing else is said. */
  writeForeign(
    stream: string,
    event?: Partial<{ type: string; data: string; metadata: string; contentType: string }>,
  ): void;
  /** Requests since the start, by kind. */
  calls(): Readonly<{ read: number; append: number }>;
  /** Answers nothing, as a process that was stopped; the kernel still takes connections. */
  hang(): void;
  /** Answers what it was asked meanwhile. */
  resume(): void;
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

type DoubleOptions = {
  /** With TLS, without which the client sends no credentials. */
  tls?: { cert: string; key: string };
  /** Who may ask. Everybody without it. */
  user?: { name: string; password: string };
};

const text = (bytes: string | Uint8Array): string => Buffer.from(bytes as Uint8Array).toString("utf8");

const failure = (code: number, details: string, exception?: string): Error => {
  const metadata = new grpc.Metadata();
  if (exception !== undefined) {
    metadata.set("exception", exception);
    metadata.set("stream-name", "?");
  }
  return Object.assign(new Error(details), { code, details, metadata });
};

/**
 * Speaks KurrentDB's gRPC protocol over a log in memory, as far as the adapter uses it. It takes the client and its
 * connection through their paces; what it says of the server is what the protocol, the documentation and the server's
 * source say, not proof of the server.
 */
export const kurrentDbDouble = async ({ tls, user }: DoubleOptions = {}): Promise<KurrentDbDouble> => {
  const subscriptions = new Map<ReadCall, (row: Row) => void>();
  const log = doubleLog((row) => {
    for (const send of subscriptions.values()) send(row);
  });
  const calls = { read: 0, append: 0 };
  let held: (() => void)[] | null = null;
  let loseAnswer = false;
  let refuses = false;

  /** Does it now, or when the double answers again. */
  const answering = (work: () => void): void => {
    if (held === null) work();
    else held.push(work);
  };
  const isKnown = (call: Pick<ReadCall, "metadata">): boolean => {
    if (refuses) return false;
    if (user === undefined) return true;
    const basic = Buffer.from(`${user.name}:${user.password}`).toString("base64");
    return call.metadata.get("authorization")[0] === `Basic ${basic}`;
  };
  const refuse = (call: Pick<ReadCall, "emit" | "metadata">): boolean => {
    if (isKnown(call)) return false;
    call.emit("error", failure(grpc.status.UNAUTHENTICATED, "Authentication failed"));
    return true;
  };

  const read = (call: ReadCall): void => {
    calls.read++;
    answering(() => {
      if (refuse(call)) return;
      const options = call.request.getOptions() as ReadOptions;
      const stream = options.getStream()?.getStreamIdentifier()?.getStreamName();
      if (stream !== undefined) readStream(call, options, text(stream));
      else if (options.hasSubscription()) subscribe(call, options, selected(options, log.all()));
      else send(call, selected(options, log.all()).slice(0, Number(options.getCount())));
    });
  };

  const send = (call: ReadCall, rows: readonly Row[]): void => {
    for (const row of rows) call.write(encoded(row));
    call.end();
  };

  const readStream = (call: ReadCall, options: ReadOptions, name: string): void => {
    const view = log.view(name);
    if (view.state === "deleted") {
      call.emit(
        "error",
        failure(grpc.status.FAILED_PRECONDITION, `Event stream '${name}' is deleted.`, "stream-deleted"),
      );
      return;
    }
    if (view.state === "none") {
      const identifier = new shared.StreamIdentifier().setStreamName(Buffer.from(name));
      call.write(new pb.ReadResp().setStreamNotFound(new pb.ReadResp.StreamNotFound().setStreamIdentifier(identifier)));
      call.end();
      return;
    }
    send(call, inRange(options, view.rows).slice(0, Number(options.getCount())));
  };

  const subscribe = (call: ReadCall, options: ReadOptions, history: readonly Row[]): void => {
    const matches = streamMatcher(options);
    call.write(
      new pb.ReadResp().setConfirmation(new pb.ReadResp.SubscriptionConfirmation().setSubscriptionId(randomUUID())),
    );
    for (const row of history) call.write(encoded(row));
    call.write(new pb.ReadResp().setCaughtUp(new pb.ReadResp.CaughtUp()));
    subscriptions.set(call, (row) => matches(row.stream) && call.write(encoded(row)));
    call.on("cancelled", () => subscriptions.delete(call));
  };

  const batchAppend = (call: AppendCall): void => {
    const open = new Map<string, InstanceType<typeof pb.BatchAppendReq>[]>();
    call.on("data", (request) => {
      const correlationId = request.getCorrelationId()?.getString() ?? "";
      const parts = [...(open.get(correlationId) ?? []), request];
      open.set(correlationId, parts);
      if (!request.getIsFinal()) return;
      open.delete(correlationId);
      calls.append++;
      answering(() => {
        if (refuse(call)) return;
        const answer = appended(parts);
        if (loseAnswer) {
          loseAnswer = false;
          call.emit("error", failure(grpc.status.UNAVAILABLE, "connection lost"));
        } else call.write(answer);
      });
    });
    call.on("end", () => call.end());
  };

  const appended = (parts: InstanceType<typeof pb.BatchAppendReq>[]) => {
    const options = parts[0].getOptions();
    const identifier = options?.getStreamIdentifier();
    const answer = new pb.BatchAppendResp()
      .setCorrelationId(parts[0].getCorrelationId())
      .setStreamIdentifier(identifier);
    const expected = options?.hasAny()
      ? "any"
      : options?.hasNoStream()
        ? "no-stream"
        : BigInt(options?.getStreamPosition() ?? 0);
    const rows = parts
      .flatMap((part) => part.getProposedMessagesList())
      .map((message) => ({
        id: message.getId()?.getString() ?? "",
        type: message.getMetadataMap().get("type") ?? "",
        contentType: message.getMetadataMap().get("content-type") ?? "",
        data: message.getData_asU8(),
        metadata: message.getCustomMetadata_asU8(),
      }));
    const outcome = log.append(text(identifier?.getStreamName() ?? ""), rows, expected);
    if ("deleted" in outcome) return answer.setError(statusOf("StreamDeleted", new shared.StreamDeleted()));
    if ("wrong" in outcome) return answer.setError(wrongVersion(outcome.wrong.current, expected));
    const { revision, position } = outcome.row;
    return answer.setSuccess(
      new pb.BatchAppendResp.Success()
        .setCurrentRevision(String(revision))
        .setPosition(
          new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position)),
        ),
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
    // Anybody may ask for them.
    getSupportedMethods: (_: unknown, callback: (error: Error | null, methods?: unknown) => void) => {
      if (refuses) return callback(failure(grpc.status.UNAUTHENTICATED, "Authentication failed"));
      const method = new features.SupportedMethod()
        .setServiceName("event_store.client.streams.streams")
        .setMethodName("batchappend");
      callback(null, new features.SupportedMethods().setEventStoreServerVersion("25.0.0").setMethodsList([method]));
    },
  });
  // gRPC's own listener leaves Nagle's algorithm on, which costs most small answers 40 ms.
  const injector = server.createConnectionInjector(
    tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) },
        ]),
  );
  const listener = createServer({ noDelay: true }, (socket) => injector.injectConnection(socket));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;

  return {
    backup: log.backup,
    scavenge: log.scavenge,
    setMetadata: log.setMetadata,
    softDelete: log.softDelete,
    tombstone: log.tombstone,
    url: tls === undefined ? `kurrentdb://127.0.0.1:${port}?tls=false` : `kurrentdb://localhost:${port}?tls=true`,
    writeForeign(stream, { type = "OrderPlaced", data = "{}", metadata = "", contentType = blank.contentType } = {}) {
      log.add(stream, {
        id: randomUUID(),
        type,
        contentType,
        data: Buffer.from(data),
        metadata: Buffer.from(metadata),
      });
    },
    calls: () => ({ ...calls }),
    hang() {
      held ??= [];
    },
    resume() {
      const work = held ?? [];
      held = null;
      for (const each of work) each();
    },
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
      const data = Buffer.from("{}");
      log.add("$stats-127.0.0.1:2113", { ...blank, id: randomUUID(), type: "$statsCollected", data });
    },
    close() {
      listener.close();
      injector.destroy();
      server.forceShutdown();
    },
  };
};
