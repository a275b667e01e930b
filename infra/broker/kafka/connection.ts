import net from "node:net";
import tls from "node:tls";
import Connection from "kafkajs/src/network/connection.js";
import { answerOf, type Exchange, requestOf } from "./exchange.ts";
import { frames } from "./frames.ts";
import type { KafkaSettings } from "./url.ts";

export type Address = { host: string; port: number };

/** One open connection. */
export type Wire = {
  connected(): boolean;
  send<T>(exchange: Exchange<T>): Promise<T>;
  /** What is under way fails. */
  close(): void;
};

const connectTimeoutMs = 3_000;
const requestTimeoutMs = 10_000;
/** What is read of a socket at once. */
const pieceBytes = 1 << 18;

const nothing = (): void => {};
const silent = { namespace: () => silent, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Whatever the versions of the cluster are: SASL is spoken as handshake and authenticate requests. */
const saslVersions = { 17: { minVersion: 0, maxVersion: 1 }, 36: { minVersion: 0, maxVersion: 1 } };

type Target = { host: string; port: number; ssl: tls.ConnectionOptions | null; onConnect(): void };

/**
 * Without Nagle's delay: requests are small and each waits for its answer. What a plain socket receives passes through
 * one memory to `receive`, for what a socket allocates by itself is there until a collection of garbage; what comes
 * over TLS takes kafkajs's own way.
 */
const socketTo = ({ host, port, ssl, onConnect }: Target, receive: (piece: Uint8Array) => void): net.Socket => {
  const onread = {
    buffer: Buffer.allocUnsafeSlow(pieceBytes),
    callback: (length: number, buffer: Uint8Array): boolean => {
      receive(buffer.subarray(0, length));
      return true;
    },
  };
  const socket =
    ssl === null
      ? net.connect({ host, port, onread }, onConnect)
      : tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }), ...ssl }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
};

/** Connects, with TLS and SASL as the settings have it. A connection that was lost is not used again. */
export const connectionTo = async ({ host, port }: Address, settings: KafkaSettings): Promise<Wire> => {
  const connection = new Connection({
    host,
    port,
    logger: silent,
    socketFactory: (target) =>
      socketTo(
        target,
        frames(
          (frame) => connection.processData(frame),
          (length) => end(`${host}:${port} does not speak Kafka's protocol: an answer of ${length} bytes`),
        ),
      ),
    clientId: settings.clientId,
    requestTimeout: requestTimeoutMs,
    // Its check would wake the process ten times a second; `limited` does it by request.
    enforceRequestTimeout: false,
    connectionTimeout: connectTimeoutMs,
    ssl: settings.tls,
    sasl: settings.sasl,
  });
  const end = (reason: string): void => {
    connection.rejectRequests(Object.assign(new Error(reason), { name: "KafkaJSConnectionError" }));
    void connection.disconnect();
  };

  /** What does not answer in time has its connection closed: all that was asked after it would wait, too. */
  const limited = async <T>(asked: Promise<T>, name: string, timeoutMs: number): Promise<T> => {
    const timer = setTimeout(() => end(`no answer to ${name} from ${host}:${port} in ${timeoutMs} ms`), timeoutMs);
    try {
      return await asked;
    } finally {
      clearTimeout(timer);
    }
  };

  /** As `connection.send`, which would copy a request twice and wait for its turn in between. */
  const answered = async (exchange: Exchange<unknown>): Promise<Buffer> => {
    if (settings.sasl !== undefined && !connection.isAuthenticated()) await connection.authenticate();
    connection.failIfNotConnected();
    const correlationId = connection.nextCorrelationId();
    const pieces = requestOf(exchange, correlationId, settings.clientId);
    const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
      const { key: apiKey, name: apiName, version: apiVersion } = exchange;
      connection.requestQueue.push({
        entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => {
          const { socket } = connection;
          socket.cork();
          for (const piece of pieces) socket.write(piece);
          socket.uncork();
        },
      });
    });
    return payload;
  };

  await connection.connect();
  connection.setVersions(saslVersions);
  connection.setSupportAuthenticationProtocol(true);
  try {
    await limited(connection.authenticate(), "SaslAuthenticate", requestTimeoutMs);
  } catch (error) {
    end("the credentials were refused");
    throw error;
  }
  return {
    connected: () => connection.isConnected(),
    send: async (exchange) => {
      const { name, timeoutMs = requestTimeoutMs } = exchange;
      return answerOf(exchange, await limited(answered(exchange), name, timeoutMs));
    },
    close: () => end("the connection was closed"),
  };
};
