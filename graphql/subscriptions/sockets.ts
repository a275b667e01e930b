import type { FastifyInstance } from "fastify";

/** What is used here of a socket of the package ws. */
type Socket = {
  close(code: number, reason?: string): void;
  terminate(): void;
  ping(): void;
  on(event: "pong" | "close", listener: () => void): void;
};

const lookMs = 30_000;

/**
 * The WebSockets of the server that are open. Each is asked twice a minute for a sign of life, by WebSocket's own ping,
 * and ended when it gave none since.
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
  server.addHook("onReady", async () => {
    server.websocketServer?.on("connection", keep);
  });
  return open;
};
