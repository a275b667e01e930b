import type { Socket } from "node:net";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { openSockets } from "./subscriptions/sockets.ts";

/** How long running requests have to end once the server is closing. */
export const drainRequestsMs = 4_000;

/** How long a request that has only begun to arrive has, and a socket that was told that it is closed. */
const graceMs = 1_000;

/** WebSocket's close code of a server that goes away (RFC 6455, 7.4.1). */
const goingAway = 1001;

/**
 * Lets a closing server end within `drainRequestsMs`, whatever clients do. Connections without a request are ended at
 * once, those with half a head of one, and WebSockets that do not answer the close, after a second; what still runs
 * in the end is cut off and told to `onCutOff`, by method and path.
 */
export const drainWithin = (server: FastifyInstance, onCutOff: (request: string) => void): void => {
  const sockets = openSockets(server);
  const connections = new Set<Socket>();
  const running = new Map<Socket, FastifyRequest>();
  let closing = false;
  const timers: NodeJS.Timeout[] = [];

  server.server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => {
      connections.delete(socket);
      running.delete(socket);
    });
  });
  server.server.on("upgrade", (_, socket) => connections.delete(socket as Socket));
  server.addHook("onRequest", (request, _, done) => {
    running.set(request.raw.socket, request);
    done();
  });
  server.addHook("onResponse", async (request) => {
    running.delete(request.raw.socket);
    // Those that answer while it closes would be kept alive for another minute.
    if (closing) setImmediate(() => server.server.closeIdleConnections());
  });
  server.addHook("preClose", async () => {
    closing = true;
    // What a subscription was told at last has its turn to be sent.
    await new Promise(setImmediate);
    for (const socket of sockets) socket.close(goingAway);
    const later = (milliseconds: number, action: () => void): void => {
      timers.push(setTimeout(action, milliseconds));
    };
    later(graceMs, () => {
      for (const socket of sockets) socket.terminate();
      for (const connection of connections) if (!running.has(connection)) connection.destroy();
    });
    later(drainRequestsMs, () => {
      for (const { method, url } of running.values()) onCutOff(`${method} ${url.split("?", 1)[0]}`);
      for (const connection of connections) connection.destroy();
    });
  });
  server.addHook("onClose", async () => {
    for (const timer of timers) clearTimeout(timer);
  });
};
