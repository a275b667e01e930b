import { request } from "node:http";
import { connect } from "node:net";
import { WebSocket } from "ws";
import type { HttpStep, RawStep, Step, WsStep } from "./shot.ts";

/** What came back; `failure` says why nothing did. */
export type Answer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  ms: number;
  failure: string | null;
};

/** Where the doors are, and what the warehouse asks for. */
export type Address = { platform: URL; warehouse: URL; warehouseHeaders: Record<string, string> };

export const answerWithinMs = 90_000;
const keptBytes = 1 << 20;

const nothing = { status: 0, headers: {}, body: "", failure: null };

const sendHttp = (step: HttpStep, { platform, warehouse, warehouseHeaders }: Address): Promise<Answer> => {
  const startedAt = performance.now();
  const base = step.to === "platform" ? platform : warehouse;
  const body = Buffer.from(step.body, "base64");
  const credentials = step.to === "warehouse" ? warehouseHeaders : {};
  const headers = { ...credentials, ...(body.length > 0 ? { "content-length": body.length } : {}), ...step.headers };
  return new Promise((resolve) => {
    const end = (answer: Partial<Answer>): void => {
      clearTimeout(late);
      sent.destroy();
      resolve({ ...nothing, ms: performance.now() - startedAt, ...answer });
    };
    const options = {
      host: base.hostname,
      port: base.port,
      method: step.method,
      path: step.path,
      headers,
      agent: false,
    };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        if (size < keptBytes) chunks.push(chunk);
        size += chunk.length;
      });
      const whole = (failure: string | null): void =>
        end({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("utf8", 0, keptBytes),
          failure,
        });
      response.on("end", () => whole(null));
      response.on("error", (error) => whole(error.message));
    });
    const leave = (): void => end({ failure: step.leaveAfterMs ? null : `no answer within ${answerWithinMs} ms` });
    const late = setTimeout(leave, step.leaveAfterMs ?? answerWithinMs);
    sent.on("error", (error) => end({ failure: error.message }));
    sent.end(body);
  });
};

/** Waits for an answer or the end of the connection; a server may do either with what is no HTTP. */
const sendRaw = ({ to, pieces, pauseMs }: RawStep, address: Address): Promise<Answer> => {
  const startedAt = performance.now();
  const base = to === "platform" ? address.platform : address.warehouse;
  return new Promise((resolve) => {
    const socket = connect(Number(base.port), base.hostname);
    let body = "";
    const end = (failure: string | null): void => {
      clearTimeout(late);
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(body)?.[1] ?? 0);
      resolve({ ...nothing, status, body, failure, ms: performance.now() - startedAt });
    };
    const late = setTimeout(() => end(null), pieces.length * pauseMs + 2_000);
    socket.on("data", (chunk) => {
      if (body.length < keptBytes) body += chunk.toString("latin1");
    });
    socket.on("error", () => end(null));
    socket.on("close", () => end(null));
    const write = async (): Promise<void> => {
      for (const piece of pieces) {
        if (!socket.writable) return;
        socket.write(Buffer.from(piece, "base64"));
        await new Promise((next) => setTimeout(next, pauseMs));
      }
    };
    void write();
  });
};

const sendWs = ({ messages, listenMs }: WsStep, { platform }: Address): Promise<Answer> => {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://${platform.host}/graphql`, "graphql-transport-ws");
    let body = "";
    const end = (failure: string | null): void => {
      clearTimeout(late);
      socket.terminate();
      resolve({ ...nothing, body, failure, ms: performance.now() - startedAt });
    };
    const late = setTimeout(() => end(null), listenMs);
    socket.on("open", () => {
      for (const message of messages) socket.send(message);
    });
    socket.on("message", (data) => {
      if (body.length < keptBytes) body += `${data.toString()}\n`;
    });
    socket.on("unexpected-response", (_, { statusCode }) => end(`the upgrade was answered with ${statusCode}`));
    socket.on("close", () => end(null));
    socket.on("error", (error) => end(error.message));
  });
};

export const send = (step: Step, address: Address): Promise<Answer> => {
  if (step.over === "http") return sendHttp(step, address);
  return step.over === "socket" ? sendRaw(step, address) : sendWs(step, address);
};
