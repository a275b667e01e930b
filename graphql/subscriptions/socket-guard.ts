import type { FastifyInstance } from "fastify";
import { MillraceError } from "../../schemas/errors.ts";
import { parseJson } from "../http/json-body.ts";

export type SocketLimits = {
  sockets: number;
  /** Subscriptions that a socket may have at once, and all sockets together. */
  perSocket: number;
  subscriptions: number;
  /** Bytes of one message. */
  messageBytes: number;
  /** Bytes that wait for a client that does not read them, before its socket is cut. */
  unreadBytes: number;
  /** Milliseconds from opening a socket to its `connection_init`. */
  initMs: number;
};

export const socketLimits: SocketLimits = {
  sockets: 1000,
  perSocket: 100,
  subscriptions: 5000,
  messageBytes: 262_144,
  unreadBytes: 16_777_216,
  initMs: 10_000,
};

/** What `subscribe` carries. */
export type Subscribing = { query: string; variables?: Record<string, unknown>; operationName?: string };

/** Of ws, what is used here. */
type Socket = {
  readonly bufferedAmount: number;
  emit(event: string, ...args: unknown[]): boolean;
  send(data: string, done?: (error?: Error) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  once(event: "close", listener: () => void): void;
};
type WsHandler = (this: unknown, socket: Socket, request: unknown) => unknown;

/** Closes as the protocol has them: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
const closes = {
  malformed: [4400, "Invalid message"],
  early: [4401, "Unauthorized"],
  late: [4408, "Connection initialisation timeout"],
  again: [4409, "Subscriber already exists"],
  twice: [4429, "Too many initialisation requests"],
  large: [1009, "Message too large"],
  crowded: [1013, "Too many sockets"],
} as const;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isAbsentOr = (type: "string" | "object", value: unknown): boolean =>
  value == null || (type === "object" ? isObject(value) : typeof value === "string");

/** A message as an object with a type; null for anything else. */
const messageIn = (data: unknown): { type: string; id?: unknown; payload?: unknown } | null => {
  try {
    const message = parseJson(String(data));
    return isObject(message) && typeof message.type === "string" ? (message as { type: string }) : null;
  } catch {
    return null;
  }
};

/** How many subscriptions and sockets there are. */
type Crowd = { sockets: number; subscriptions: number };

export type SocketChecks = {
  /** Throws what is wrong with a subscription. */
  check(asked: Subscribing): void;
  /** A failure as it is told. */
  told(error: unknown): object;
};

const wellFormed = ({ query, variables, operationName }: Record<string, unknown>): Subscribing => {
  if (typeof query === "string" && isAbsentOr("object", variables) && isAbsentOr("string", operationName)) {
    return { query, variables, operationName } as Subscribing;
  }
  throw new MillraceError("BAD_REQUEST", "expected query: text, variables: an object, operationName: text");
};

/** What one socket has said and asked for. */
const conversation = (socket: Socket, crowd: Crowd, limits: SocketLimits, { check, told }: SocketChecks) => {
  const active = new Set<string>();
  let isOpened = false;
  const close = (why: keyof typeof closes): false => {
    const [code, reason] = closes[why];
    socket.close(code, reason);
    return false;
  };
  const late = setTimeout(() => close("late"), limits.initMs).unref();

  const mayOpen = (payload: unknown): boolean => {
    if (isOpened) return close("twice");
    if (!isAbsentOr("object", payload)) return close("malformed");
    isOpened = true;
    clearTimeout(late);
    return true;
  };

  const checkRoom = (): void => {
    if (active.size >= limits.perSocket) {
      throw new MillraceError("OVERLOADED", `a socket has at most ${limits.perSocket} subscriptions: end one first`);
    }
    if (crowd.subscriptions < limits.subscriptions) return;
    throw new MillraceError("OVERLOADED", `there are ${limits.subscriptions} subscriptions: subscribe again later`);
  };

  const maySubscribe = (id: unknown, payload: unknown): boolean => {
    if (!isOpened) return close("early");
    if (typeof id !== "string" || id === "" || id.length > 256 || !isObject(payload)) return close("malformed");
    if (active.has(id)) return close("again");
    try {
      checkRoom();
      check(wellFormed(payload));
    } catch (error) {
      socket.send(JSON.stringify({ type: "error", id, payload: [told(error)] }));
      return false;
    }
    active.add(id);
    crowd.subscriptions++;
    return true;
  };

  const release = (id: unknown): void => {
    if (active.delete(id as string)) crowd.subscriptions--;
  };

  return {
    release,
    end: (): void => {
      clearTimeout(late);
      crowd.subscriptions -= active.size;
      active.clear();
    },
    /** Whether a message may go on. */
    admits: (data: unknown): boolean => {
      if ((data as Buffer).length > limits.messageBytes) return close("large");
      const message = messageIn(data);
      if (message === null) return close("malformed");
      const { type, id, payload } = message;
      if (type === "connection_init") return mayOpen(payload);
      if (type === "subscribe" || type === "start") return maySubscribe(id, payload);
      if (type === "complete" || type === "stop") release(id);
      return true;
    },
  };
};

/** What the server says when a subscription is over. */
const isEnd = (text: string): boolean => text.startsWith('{"type":"complete"') || text.startsWith('{"type":"error"');

/**
 * Stands between each socket and mercurius, which takes messages of any kind and number, parses queries without a
 * limit, and answers a second `connection_init` with a second timer that outlives the socket. What the protocol
 * forbids closes the socket with the protocol's own code; a subscription that is refused is told why.
 */
export const guardSockets = (
  server: FastifyInstance,
  checks: SocketChecks,
  changes: Partial<SocketLimits> = {},
): void => {
  const limits = { ...socketLimits, ...changes };
  const crowd: Crowd = { sockets: 0, subscriptions: 0 };

  const guard = (socket: Socket): boolean => {
    if (crowd.sockets >= limits.sockets) {
      socket.close(...closes.crowded);
      return false;
    }
    crowd.sockets++;
    const { admits, release, end } = conversation(socket, crowd, limits, checks);
    const emit = socket.emit.bind(socket);
    const send = socket.send.bind(socket);
    socket.once("close", () => {
      crowd.sockets--;
      end();
    });
    socket.emit = (event, ...args) => {
      const isFromClient = event === "message" || event === "ping";
      if (isFromClient && socket.bufferedAmount > limits.unreadBytes) {
        socket.terminate();
        return false;
      }
      return event === "message" && !admits(args[0]) ? true : emit(event, ...args);
    };
    socket.send = (data, done) => {
      if (isEnd(data)) release((JSON.parse(data) as { id?: unknown }).id);
      send(data, done);
    };
    return true;
  };

  server.addHook("onRoute", (route) => {
    const handle = (route as { wsHandler?: WsHandler }).wsHandler;
    if (handle === undefined) return;
    const guarded: WsHandler = function (socket, request) {
      return guard(socket) ? handle.call(this, socket, request) : undefined;
    };
    Object.assign(route, { wsHandler: guarded });
  });
};
