import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { freePorts } from "../../infra/native/ports.ts";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import { onlineStoreContract } from "../contracts/online-store.contract.ts";
import { eventually, plainRedis, type RedisServer, redisServer, shorten } from "./redis-server.ts";

const run = promisify(execFile);
const skip = process.env.REDIS_URL === undefined ? "REDIS_URL is not set: npm run test:engines" : false;

describe("online store in a Redis cluster", { skip }, () => {
  const nodes: RedisServer[] = [];
  let url = "";
  before(async () => {
    for (let i = 0; i < 3; i++) {
      // The nodes' own port would lie 10000 above the other, which may be no port at all.
      const bus = ["--cluster-port", ...(await freePorts(1)).map(String)];
      nodes.push(await redisServer("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", ...bus));
    }
    await Promise.all(nodes.map((node) => node.start()));
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await eventually(() =>
      run("redis-cli", ["--cluster", "create", ...hosts, "--cluster-yes"]).then(
        () => true,
        () => false,
      ),
    );
    url = `redis+cluster://${hosts.join(",")}`;
    await eventually(() =>
      openOnlineStore(url).then(
        (store) => store.close().then(() => true),
        () => false,
      ),
    );
  });
  after(() => Promise.all(nodes.map((node) => node.remove())));

  onlineStoreContract("redis cluster", {
    open: () => openOnlineStore(url),
    advance: async (ms) => {
      for (const { port } of nodes) {
        const redis = plainRedis(`redis://127.0.0.1:${port}`);
        await shorten(redis, "", ms);
        redis.disconnect();
      }
    },
  });
});

describe("online store in a Redis that sentinels watch", { skip }, () => {
  it("finds the master by its name, and the next one after a fail-over", async (t) => {
    const [master, replica] = [await redisServer(), await redisServer()];
    const sentinel = await redisServer("--sentinel");
    for (const server of [master, replica, sentinel]) t.after(() => server.remove());
    await Promise.all([master.start(), replica.start(), sentinel.start()]);
    const watching = plainRedis(`redis://127.0.0.1:${sentinel.port}`);
    t.after(() => watching.disconnect());
    await watching.call("sentinel", "monitor", "main", "127.0.0.1", master.port, 1);
    await watching.call("sentinel", "set", "main", "down-after-milliseconds", 500);
    const following = plainRedis(`redis://127.0.0.1:${replica.port}`);
    t.after(() => following.disconnect());
    await following.replicaof("127.0.0.1", master.port);

    const store = await openOnlineStore(`redis+sentinel://127.0.0.1:${sentinel.port}/main/2`);
    t.after(() => store.close());
    await store.setMany([{ key: "a", value: Buffer.from("kept") }]);
    await eventually(async () => (await following.info("replication")).includes("master_link_status:up"));
    await eventually(async () => (await watching.info("sentinel")).includes("slaves=1"));
    await following.select(2);
    await eventually(async () => (await following.exists("millrace:k:a")) === 1);
    await master.stop();
    await eventually(() =>
      store.setMany([{ key: "b", value: Buffer.from("after") }]).then(
        () => true,
        () => false,
      ),
    );
    assert.deepEqual((await store.mget(["a", "b"])).map(String), ["kept", "after"]);
  });
});
