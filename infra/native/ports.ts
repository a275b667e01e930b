import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Below what systems give to outgoing connections: one of those could take the port before it is listened on. */
const lowest = 15_000;
const count = 15_000;

/** `wanted` different ports of 127.0.0.1 that nobody listened on a moment ago. */
export const freePorts = async (wanted: number): Promise<number[]> => {
  const held = new Map<number, Server>();
  while (held.size < wanted) {
    const port = lowest + Math.floor(Math.random() * count);
    const server = createServer();
    try {
      await once(server.listen(port, "127.0.0.1"), "listening");
      held.set(port, server);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  await Promise.all([...held.values()].map((server) => once(server.close(), "close")));
  return [...held.keys()];
};
