import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A port that leads to S3 until it is told to stop: then every connection breaks and none is taken. */
export const breakableWay = async (endpoint: string) => {
  const { hostname, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  let sent = 0;
  let limit = Number.POSITIVE_INFINITY;
  const breakOff = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((inbound) => {
    const outbound = connect(Number(port), hostname);
    for (const socket of [inbound, outbound]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        inbound.destroy();
        outbound.destroy();
      });
    }
    inbound.on("data", (chunk) => {
      sent += chunk.length;
      if (sent > limit) breakOff();
      else outbound.write(chunk);
    });
    outbound.pipe(inbound);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    /** Breaks when so many more bytes were sent to S3. */
    breakAfter(bytes: number): void {
      limit = sent + bytes;
    },
    breakOff,
  };
};
