import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import { type Crowd, closes, conversation, type Operations } from "./conversation.ts";
import { type SocketLimits, socketLimits } from "./socket-limits.ts";

const PROTOCOL = "graphql-transport-ws";

/** Any other protocol is agreed to and closed, since its client would not see why otherwise. */
const protocolFor = (offered: ReadonlySet<string>): string | false =>
  offered.has(PROTOCOL) ? PROTOCOL : ([...offered][0] ?? false);

/**
 * Sockets at `path`, beside the route that answers its GET: call it before that route is added. It is not mercurius's
 * own, which takes subscriptions only, goes on with one that was completed while it began, and keeps timers of closed
 * sockets.
 */
export const socketDoor = async (
  server: FastifyInstance,
  path: string,
  operationsOf: (request: FastifyRequest) => Operations,
  changes: Partial<SocketLimits> = {},
): Promise<void> => {
  const limits = { ...socketLimits, ...changes };
  const crowd: Crowd = { sockets: 0, subscriptions: 0 };

  const refusalOf = ({ protocol }: WebSocket): keyof typeof closes | null => {
    if (crowd.sockets >= limits.sockets) return "crowded";
    return protocol === PROTOCOL ? null : "foreign";
  };

  const open = (socket: WebSocket, request: FastifyRequest): void => {
    const refusal = refusalOf(socket);
    if (refusal !== null) {
      const [code, reason] = closes[refusal];
      socket.close(code, reason);
      return;
    }
    crowd.sockets++;
    const { hear, leave } = conversation(socket, { crowd, limits, operations: operationsOf(request) });
    const isRead = (): boolean => {
      if (socket.bufferedAmount <= limits.unreadBytes) return true;
      socket.terminate();
      return false;
    };
    socket.on("message", (data) => {
      if (isRead()) hear(data);
    });
    socket.on("ping", isRead);
    socket.once("close", () => {
      crowd.sockets--;
      leave();
    });
  };

  server.addHook("onRoute", (route) => {
    if (route.url === path && route.method === "GET") Object.assign(route, { wsHandler: open });
  });
  await server.register(websocket, {
    options: { maxPayload: limits.messageBytes, handleProtocols: protocolFor },
    // ws has begun to close it, and says why where it can.
    errorHandler: (error, _, request) => request.log.info({ err: error }, "a socket failed"),
  });
};
