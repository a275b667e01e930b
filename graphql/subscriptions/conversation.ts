import { MillraceError } from "../../schemas/errors.ts";
import { parseJson } from "../http/json-body.ts";
import type { SocketLimits } from "./socket-limits.ts";

/** Of ws, what is used here. */
export type ClientSocket = {
  readonly protocol: string;
  readonly bufferedAmount: number;
  send(data: string, done: (error?: Error) => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
};

/** Closes as the protocol has them: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md */
export const closes = {
  malformed: [4400, "Invalid message"],
  early: [4401, "Unauthorized"],
  foreign: [4406, "Subprotocol not acceptable: this server speaks graphql-transport-ws"],
  late: [4408, "Connection initialisation timeout"],
  again: [4409, "Subscriber already exists"],
  twice: [4429, "Too many initialisation requests"],
  crowded: [1013, "Too many sockets"],
} as const;

type Close = keyof typeof closes;

/** How many operations and sockets there are. */
export type Crowd = { sockets: number; subscriptions: number };

/** Of one operation: a result at a time, each with `data`; those of a query or mutation are one. */
export type Results = AsyncIterator<object>;

export type Operations = {
  /** What an operation answers. What it throws is told as its error. */
  run(payload: Record<string, unknown>, connectionInit: Record<string, unknown>): Promise<Results>;
  /** A failure as it is told. */
  told(error: unknown): object;
};

/** Ended by its client it says nothing more; its results may be there only later. */
type Operation = { isOver: boolean; results: Results | null };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A message as an object with a type; null for anything else. */
const messageIn = (data: unknown): Record<string, unknown> | null => {
  try {
    const message = parseJson(String(data));
    return isObject(message) ? message : null;
  } catch {
    return null;
  }
};

const isOperationId = (id: unknown): id is string => typeof id === "string" && id !== "" && id.length <= 256;

/**
 * The server's side of graphql-transport-ws on one socket. What the protocol forbids closes the socket with the
 * protocol's own code; an operation that is refused is told why. An operation that its client completes is ended
 * whatever it is at, and nothing more is said of it, so that its id can be used again at once.
 */
export const conversation = (
  socket: ClientSocket,
  { crowd, limits, operations }: { crowd: Crowd; limits: SocketLimits; operations: Operations },
) => {
  const active = new Map<string, Operation>();
  let connectionInit: Record<string, unknown> | null = null;
  let isClosing = false;
  const close = (why: Close): void => {
    isClosing = true;
    const [code, reason] = closes[why];
    socket.close(code, reason);
  };
  const late = setTimeout(() => close("late"), limits.initMs).unref();

  const send = (message: object): Promise<void> =>
    new Promise((resolve) => socket.send(JSON.stringify(message), () => resolve()));

  const drop = (id: string, operation: Operation): void => {
    if (operation.isOver) return;
    operation.isOver = true;
    active.delete(id);
    crowd.subscriptions--;
  };

  const end = (id: string, operation: Operation): void => {
    drop(id, operation);
    // What it was waiting for ends, or fails, by itself.
    operation.results?.return?.()?.catch(() => {});
  };

  const checkRoom = (): void => {
    if (active.size >= limits.perSocket) {
      throw new MillraceError("OVERLOADED", `a socket has at most ${limits.perSocket} operations: end one first`);
    }
    if (crowd.subscriptions < limits.subscriptions) return;
    throw new MillraceError("OVERLOADED", `there are ${limits.subscriptions} operations: subscribe again later`);
  };

  const deliver = async (id: string, operation: Operation, payload: Record<string, unknown>): Promise<void> => {
    const results = await operations.run(payload, connectionInit ?? {});
    if (operation.isOver) return void (await results.return?.());
    operation.results = results;
    for (;;) {
      const { done, value } = await results.next();
      if (operation.isOver) return;
      if (done === true) break;
      await send({ id, type: "next", payload: value });
    }
    if (operation.isOver) return;
    drop(id, operation);
    await send({ id, type: "complete" });
  };

  const subscribe = async (id: string, payload: Record<string, unknown>): Promise<void> => {
    const operation: Operation = { isOver: false, results: null };
    let isOurs = false;
    try {
      checkRoom();
      isOurs = true;
      active.set(id, operation);
      crowd.subscriptions++;
      await deliver(id, operation, payload);
    } catch (error) {
      if (operation.isOver) return;
      if (isOurs) end(id, operation);
      await send({ id, type: "error", payload: [operations.told(error)] });
    }
  };

  /** Answers a message, or says how it ends the conversation. */
  const hear = ({ type, id, payload }: Record<string, unknown>): Close | null => {
    if (payload != null && !isObject(payload)) return "malformed";
    if (type === "connection_init") {
      if (connectionInit !== null) return "twice";
      connectionInit = (payload as Record<string, unknown> | null | undefined) ?? {};
      clearTimeout(late);
      void send({ type: "connection_ack" });
    } else if (type === "ping") {
      void send(payload == null ? { type: "pong" } : { type: "pong", payload });
    } else if (type === "subscribe") {
      if (!isOperationId(id) || !isObject(payload)) return "malformed";
      if (connectionInit === null) return "early";
      if (active.has(id)) return "again";
      void subscribe(id, payload);
    } else if (type === "complete") {
      if (!isOperationId(id)) return "malformed";
      const operation = active.get(id);
      if (operation !== undefined) end(id, operation);
    } else if (type !== "pong") return "malformed";
    return null;
  };

  return {
    hear(data: unknown): void {
      if (isClosing) return;
      const message = messageIn(data);
      const why = message === null ? "malformed" : hear(message);
      if (why !== null) close(why);
    },
    /** The socket is closed: everything that it has asked for ends. */
    leave(): void {
      clearTimeout(late);
      for (const [id, operation] of active) end(id, operation);
    },
  };
};
