import type { FastifyInstance, FastifyRequest } from "fastify";

/** What is used here of a socket of the package ws, which mercurius brings. */
export type Socket = {
  close(code: number, reason?: string): void;
  terminate(): void;
  ping(): void;
  on(event: "pong" | "close", listener: () => void): void;
};

type SocketHandler = (socket: Socket, request: FastifyRequest) => unknown;

const lookMs = 30_000;

/**
 * The WebSockets of the server that are open; call it before their routes are added. Each is asked twice a minute for a
 * sign of life, by WebSocket's own ping, and ended when it gave none since. Mercurius's keep-alive is left off: its
 * timer outlives a socket that initialises twice, or is gone before its initialisation is answered, and with it the
 * process.
 */
export const openSockets = (server: FastifyInstance): ReadonlySet<Socket> => {
  const open = new Set<Socket>();
  const alive = new WeakSet<Socket>();
  const timer = setInterval(() => {
    for (const socket of open) {
      if (alive.delete(socket)) socket.ping();
      else socket.terminate();
    }
  }, lookMs).unref();
  server.addHook("onClose", async () => clearInterval(timer));

  const keep = (socket: Socket): void => {
    open.add(socket);
    alive.add(socket);
    socket.on("pong", () => alive.add(socket));
    socket.on("close", () => open.delete(socket));
  };
  server.addHook("onRoute", (options) => {
    const route = options as { wsHandler?: SocketHandler };
    const { wsHandler } = route;
    if (wsHandler === undefined) return;
    route.wsHandler = function (this: unknown, socket, request) {
      keep(socket);
      return wsHandler.call(this, socket, request);
    };
  });
  return open;
};
