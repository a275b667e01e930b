import net from "node:net";
import tls from "node:tls";
import Connection from "kafkajs/src/network/connection.js";
import { type Exchange, sendable } from "./exchange.ts";
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

const nothing = (): void => {};
const silent = { namespace: () => silent, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Whatever the versions of the cluster are: SASL is spoken as handshake and authenticate requests. */
const saslVersions = { 17: { minVersion: 0, maxVersion: 1 }, 36: { minVersion: 0, maxVersion: 1 } };

type Target = { host: string; port: number; ssl: tls.ConnectionOptions | null; onConnect(): void };

/** Without Nagle's delay: requests are small and each waits for its answer. */
const socketTo = ({ host, port, ssl, onConnect }: Target): net.Socket => {
  const socket =
    ssl === null
      ? net.connect({ host, port }, onConnect)
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
    socketFactory: socketTo,
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
      return (await limited(connection.send(sendable(exchange)), name, timeoutMs)).value;
    },
    close: () => end("the connection was closed"),
  };
};
