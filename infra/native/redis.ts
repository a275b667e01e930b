import { once } from "node:events";
import { connect } from "node:net";
import type { Engine } from "./engine.ts";
import { freePorts } from "./ports.ts";
import { pathOf, redisServer } from "./tools.ts";

export const redis: Engine = {
  name: "redis",
  summary: "Redis of this machine, without persistence",
  needs: [redisServer],
  async fetch() {},
  async prepare(folder) {
    const [port] = await freePorts(1);
    const options = { bind: "127.0.0.1", port: String(port), dir: folder, save: "", appendonly: "no" };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    return {
      argv: [pathOf(redisServer), ...args],
      folder,
      variables: { REDIS_URL: `redis://127.0.0.1:${port}` },
    };
  },
  async probe({ variables }) {
    const { hostname, port } = new URL(variables.REDIS_URL);
    const socket = connect({ host: hostname, port: Number(port), timeout: 1000 });
    try {
      socket.write("PING\r\n");
      const [answer] = await once(socket, "data", { signal: AbortSignal.timeout(1000) });
      if (!String(answer).startsWith("+PONG")) throw new Error(`answered ${String(answer).trim()}`);
    } finally {
      socket.destroy();
    }
  },
};
