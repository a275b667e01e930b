import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MillraceError } from "../../schemas/errors.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Its body goes to a store as it comes, with back-pressure, and is never held as a whole. */
    isStreamed?: true;
  }
}

export type BodyLimits = {
  /** Bytes of bodies that are held at once, over all requests. */
  bytesInFlight: number;
  /** Milliseconds that a body may take, and one second more for every `bytesASecond` that have come. */
  timeMs: number;
  bytesASecond: number;
  /** Milliseconds that are given to a body that nobody reads any more, so that its sender sees the answer. */
  lingerMs: number;
};

export const bodyLimits: BodyLimits = {
  bytesInFlight: 268_435_456,
  timeMs: 30_000,
  bytesASecond: 16_384,
  lingerMs: 5_000,
};

const MOST_DECLARED = Number.MAX_SAFE_INTEGER;

/** Bytes that the headers announce; null where the body comes in chunks. */
const declaredOf = ({ headers }: IncomingMessage): number | null => {
  const length = headers["content-length"];
  return length === undefined ? null : Math.min(Number(length), MOST_DECLARED);
};

const hasBody = (raw: IncomingMessage): boolean =>
  raw.headers["transfer-encoding"] !== undefined || (declaredOf(raw) ?? 0) > 0;

/** Its sender has some time to read the answer. The socket is null where the request was destroyed. */
const endSoon = (raw: IncomingMessage, socket: Socket | null, { lingerMs }: BodyLimits): void => {
  const end = (): void => {
    if (!raw.complete) socket?.destroy();
  };
  setTimeout(end, lingerMs).unref();
};

/** Tells who reads a body that it fails, so that it is answered; without a reader its connection ends. */
const fail = (raw: IncomingMessage, error: Error): void => {
  // Nobody would catch it otherwise, and the process would end.
  if (raw.listenerCount("error") > 0) raw.emit("error", error);
  else raw.destroy();
};

const tooSlow = (): MillraceError => new MillraceError("TOO_SLOW", "the body did not come in time: send it again");

/**
 * Ends a body that comes too slowly, together with its connection. Its bytes are counted by the connection, since
 * listening to them would start them before their reader is there.
 */
const watchPace = ({ raw }: FastifyRequest, limits: BodyLimits): void => {
  const { timeMs, bytesASecond } = limits;
  const { socket } = raw;
  const [startedAt, read] = [Date.now(), socket.bytesRead];
  const look = (): void => {
    if (raw.complete || socket.destroyed) return;
    const allowed = timeMs + ((socket.bytesRead - read) / bytesASecond) * 1000;
    const left = startedAt + allowed - Date.now();
    if (left <= 0) {
      fail(raw, tooSlow());
      endSoon(raw, socket, limits);
    } else timer = setTimeout(look, Math.max(left, 100)).unref();
  };
  let timer = setTimeout(look, timeMs).unref();
  raw.once("close", () => clearTimeout(timer));
};

/** Counts what is held of bodies until their requests are answered. OVERLOADED where it would be too much. */
const holdBytes = (most: number) => {
  let held = 0;
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const { raw } = request;
    let own = 0;
    const take = (bytes: number): void => {
      if (held + bytes > most) {
        throw new MillraceError("OVERLOADED", `bodies of ${most} bytes are being handled: send this one again later`);
      }
      own += bytes;
      held += bytes;
    };
    const declared = declaredOf(raw);
    take(Math.min(declared ?? 0, request.routeOptions.bodyLimit ?? MOST_DECLARED));
    const count = (chunk: Buffer): void => {
      try {
        take(chunk.length);
      } catch (error) {
        raw.off("data", count);
        fail(raw, error as Error);
      }
    };
    if (declared === null) raw.on("data", count);
    reply.raw.once("close", () => {
      held -= own;
    });
  };
};

/**
 * What holds for the body of every request: it is read when its sender is known, is not encoded, comes at a pace, and
 * all that are held at once stay below a limit.
 */
export const boundBodies = (server: FastifyInstance, changes: Partial<BodyLimits> = {}): void => {
  const limits = { ...bodyLimits, ...changes };
  const hold = holdBytes(limits.bytesInFlight);
  server.addHook("preParsing", (request, reply, payload, done) => {
    const { headers, routeOptions, raw } = request;
    if (!hasBody(raw)) return done(null, payload);
    try {
      const encoding = headers["content-encoding"] ?? "identity";
      if (encoding !== "identity") {
        throw new MillraceError(
          "BAD_REQUEST",
          `content-encoding: ${encoding} is not taken, send the bytes as they are`,
        );
      }
      watchPace(request, limits);
      if (routeOptions.config.isStreamed !== true) hold(request, reply);
    } catch (error) {
      return done(error as Error);
    }
    done(null, payload);
  });
  server.addHook("onSend", (request, reply, payload, done) => {
    // Fastify would close at once what it refuses, and its sender, who still sends, would see no answer.
    if (!request.raw.complete && hasBody(request.raw)) reply.removeHeader("connection");
    done(null, payload);
  });
  server.addHook("onResponse", async ({ raw }) => {
    if (raw.complete || !hasBody(raw)) return;
    raw.resume();
    endSoon(raw, raw.socket, limits);
  });
};
