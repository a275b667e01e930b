import { setTimeout as sleep } from "node:timers/promises";
import { MillraceError } from "../../../schemas/errors.ts";
import { type Address, connectionTo, type Wire } from "./connection.ts";
import { brokerError, codes, hasCode, isPassing, isUnreachable } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { apiVersions, type CoordinatorKind, findCoordinator, type Metadata, metadata } from "./requests.ts";
import type { KafkaSettings } from "./url.ts";

/** A lane is a connection of its own: Kafka answers the requests of one connection in their order. */
export type Lane = "control" | "data" | "fetch" | `wait-${number}` | `member-${number}`;

/** How long an operation is tried again before it fails with ENGINE_UNAVAILABLE. */
export const patienceMs = 8_000;
const startPatienceMs = 5_000;

/** Newest versions that are spoken, by API key. */
const spoken = new Map([
  [0, 7],
  [1, 11],
  [2, 3],
  [3, 10],
  [8, 6],
  [9, 7],
  [10, 2],
  [11, 5],
  [12, 3],
  [13, 3],
  [14, 3],
  [19, 4],
  [20, 1],
  [22, 1],
  [23, 3],
  [24, 1],
  [25, 1],
  [26, 1],
  [28, 2],
  [32, 2],
  [44, 0],
  [65, 0],
]);

export type KafkaClient = {
  /** Where it connects to, for messages. */
  where: string;
  /** Fails with what the exchange fails with; a connection that is not there is made. */
  send<T>(node: number, lane: Lane, exchange: Exchange<T>): Promise<T>;
  /** To any node. */
  ask<T>(exchange: Exchange<T>): Promise<T>;
  metadata(topics: readonly string[] | null): Promise<Metadata>;
  /** To the coordinator of a group or transactional id, looked up anew while it moves. */
  coordinate<T>(kind: CoordinatorKind, id: string, exchange: Exchange<T>, lane?: Lane): Promise<T>;
  /** Tries again what fails for a while, then fails with a coded error. */
  persist<T>(operation: () => Promise<T>, options?: Persistence): Promise<T>;
  coded(error: unknown): MillraceError;
  /** A free lane for a request that waits; give it back when the answer is there. */
  waitLane(): { lane: Lane; release(): void };
  memberLane(): Lane;
  close(): Promise<void>;
};

export type Persistence = {
  forMs?: number;
  firstDelayMs?: number;
  longestDelayMs?: number;
  /** Which errors pass by; those of the connection and of moving leaders and coordinators without it. */
  passing?: (error: unknown) => boolean;
};

/** Connects to one of the servers; ENGINE_UNAVAILABLE or ENGINE_REFUSED within seconds where that cannot be. */
export const kafkaClient = async (settings: KafkaSettings): Promise<KafkaClient> => {
  const where = settings.servers.map(({ host, port }) => `${host}:${port}`).join(", ");
  const connections = new Map<string, Promise<Wire>>();
  const coordinators = new Map<string, number>();
  const busyWaits = new Set<number>();
  let nodes = new Map<number, Address>();
  let members = 0;
  let closed = false;

  /** Whoever asks first gets it first: of one lane the order of the requests is kept. */
  const wire = async (address: Address, lane: string): Promise<Wire> => {
    if (closed) throw new MillraceError("CLOSED", "the broker is closed");
    const key = `${address.host}:${address.port}/${lane}`;
    const held = connections.get(key);
    if (held !== undefined) {
      const made = await held;
      if (made.connected()) return made;
      if (connections.get(key) !== held) return wire(address, lane);
    }
    const next = connectionTo(address, settings);
    connections.set(key, next);
    next.catch(() => {
      if (connections.get(key) === next) connections.delete(key);
    });
    const made = await next;
    return made;
  };

  const addressOf = (node: number): Address => {
    const address = nodes.get(node);
    if (address === undefined) {
      throw new MillraceError("ENGINE_UNAVAILABLE", `BROKER: node ${node} of Kafka at ${where} is not known`);
    }
    return address;
  };

  const ask = async <T>(exchange: Exchange<T>): Promise<T> => {
    let failure: unknown;
    for (const address of [...nodes.values(), ...settings.servers]) {
      try {
        return await (await wire(address, "control")).send(exchange);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  };

  const fresh = async (topics: readonly string[] | null): Promise<Metadata> => {
    const answer = await ask(metadata(topics));
    if (answer.nodes.length > 0) nodes = new Map(answer.nodes.map(({ id, host, port }) => [id, { host, port }]));
    return answer;
  };

  const persist = async <T>(operation: () => Promise<T>, options: Persistence = {}): Promise<T> => {
    const { forMs = patienceMs, firstDelayMs = 20, longestDelayMs = 500, passing = isPassing } = options;
    const deadline = performance.now() + forMs;
    for (let delay = firstDelayMs; ; delay = Math.min(delay * 2, longestDelayMs)) {
      try {
        return await operation();
      } catch (error) {
        if (closed || !passing(error) || performance.now() + delay > deadline) throw brokerError(error, where);
      }
      await sleep(delay);
    }
  };

  const client: KafkaClient = {
    where,
    send: async (node, lane, exchange) => (await wire(addressOf(node), lane)).send(exchange),
    ask,
    metadata: fresh,
    async coordinate(kind, id, exchange, lane = "control") {
      const key = `${kind}/${id}`;
      let node = coordinators.get(key);
      if (node === undefined) {
        const found = await ask(findCoordinator(kind, id));
        nodes.set(found.id, { host: found.host, port: found.port });
        coordinators.set(key, found.id);
        node = found.id;
      }
      try {
        return await client.send(node, lane, exchange);
      } catch (error) {
        const moved = hasCode(error, codes.NOT_COORDINATOR, codes.COORDINATOR_NOT_AVAILABLE);
        if (moved || isUnreachable(error)) coordinators.delete(key);
        throw error;
      }
    },
    persist,
    coded: (error) => brokerError(error, where),
    waitLane() {
      let number = 0;
      while (busyWaits.has(number)) number++;
      busyWaits.add(number);
      return { lane: `wait-${number}`, release: () => busyWaits.delete(number) };
    },
    memberLane: () => `member-${members++}`,
    async close() {
      closed = true;
      const all = await Promise.allSettled(connections.values());
      for (const one of all) if (one.status === "fulfilled") one.value.close();
    },
  };
  try {
    await persist(() => fresh([]), { forMs: startPatienceMs, firstDelayMs: 200 });
    checkVersions(await persist(() => ask(apiVersions())), where);
  } catch (error) {
    await client.close();
    throw error;
  }
  return client;
};

const checkVersions = (offered: ReadonlyMap<number, { min: number; max: number }>, where: string): void => {
  for (const [key, version] of spoken) {
    const { min, max } = offered.get(key) ?? { min: 0, max: -1 };
    if (version < min || version > max) {
      throw new MillraceError(
        "ENGINE_REFUSED",
        `BROKER: Kafka at ${where} does not speak version ${version} of API ${key}: use Kafka 3.0 or newer`,
      );
    }
  }
};
