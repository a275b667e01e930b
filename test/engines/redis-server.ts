import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePorts } from "../../infra/native/ports.ts";

const patienceMs = 60_000;

export type RedisServer = {
  port: number;
  start(): Promise<void>;
  /** Kills it: what it had in memory is lost. */
  stop(): Promise<void>;
  /** Lets it take connections, but answer nobody, until it goes on. */
  freeze(): void;
  goOn(): void;
  remove(): Promise<void>;
};

/** A redis-server of its own on a free port, without persistence, with more arguments where given. */
export const redisServer = async (...more: string[]): Promise<RedisServer> => {
  const [port] = await freePorts(1);
  const directory = mkdtempSync(join(tmpdir(), "millrace-redis-"));
  // A sentinel keeps what it knows in this file.
  const config = join(directory, "redis.conf");
  writeFileSync(config, "");
  const usual = [
    config,
    "--port",
    `${port}`,
    "--bind",
    "127.0.0.1",
    "--save",
    "",
    "--appendonly",
    "no",
    "--dir",
    directory,
  ];
  let child: ReturnType<typeof spawn> | null = null;

  const stop = async (): Promise<void> => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  return {
    port,
    async start() {
      child = spawn("redis-server", [...usual, ...more], { stdio: "ignore" });
      await once(child, "spawn");
    },
    stop,
    freeze: () => void child?.kill("SIGSTOP"),
    goOn: () => void child?.kill("SIGCONT"),
    async remove() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};

/** A client of the test's own, behind the back of the store. */
export const plainRedis = (url: string): Redis => {
  const redis = new Redis(url, { protocol: 2 });
  redis.on("error", () => {});
  return redis;
};

export const eventually = async (isTrue: () => Promise<boolean>): Promise<void> => {
  const deadline = performance.now() + patienceMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${patienceMs} ms: ${isTrue}`);
    await pause(10);
  }
};

/** Lets time pass by taking it from every key's time to live. */
export const shorten = async (redis: Redis, prefix: string, ms: number): Promise<void> => {
  for (const key of await redis.keys(`${prefix}*`)) {
    const left = await redis.pttl(key);
    if (left > ms) await redis.pexpire(key, left - ms);
    else if (left >= 0) await redis.del(key);
  }
};
