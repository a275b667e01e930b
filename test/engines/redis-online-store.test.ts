import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { freePorts } from "../../infra/native/ports.ts";
import { openOnlineStore } from "../../infra/online-store/open.ts";
import type { OnlineStore } from "../../infra/online-store/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { onlineStoreContract } from "../contracts/online-store.contract.ts";
import { eventually, plainRedis, type RedisServer, redisServer, shorten } from "./redis-server.ts";

const run = promisify(execFile);
const url = process.env.REDIS_URL ?? "";
const skip = url === "" ? "REDIS_URL is not set: npm run test:engines" : false;
const entry = (key: string, value: string, offset?: number) => ({ key, value: Buffer.from(value), offset });
const textOf = async (store: OnlineStore, key: string) => (await store.get(key))?.toString() ?? null;

describe("online store in Redis", { skip }, () => {
  const prefix = `test-${randomUUID()}:`;
  const namespaced = `${url}${url.includes("?") ? "&" : "?"}prefix=${prefix}`;
  after(async () => {
    const store = await openOnlineStore(namespaced);
    await store.clear("");
    await store.close();
  });

  onlineStoreContract("redis", {
    open: () => openOnlineStore(namespaced),
    advance: async (ms) => {
      const redis = plainRedis(url);
      await shorten(redis, prefix, ms);
      redis.disconnect();
    },
  });
});

describe("online store and a Redis of its own", { skip }, () => {
  const started = async (t: TestContext, ...more: string[]): Promise<RedisServer> => {
    const server = await redisServer(...more);
    t.after(() => server.remove());
    await server.start();
    return server;
  };
  const opened = async (t: TestContext, storeUrl: string): Promise<OnlineStore> => {
    const store = await openOnlineStore(storeUrl);
    t.after(() => store.close());
    return store;
  };

  it("goes on after Redis was restarted, and hears again", async (t) => {
    const server = await started(t);
    const store = await opened(t, `redis://127.0.0.1:${server.port}`);
    const heard = Promise.withResolvers<string>();
    await store.subscribe("news", heard.resolve);
    await store.setMany([entry("a", "before", 1)]);
    await server.stop();
    const waiting = store.setMany([entry("b", "meanwhile", 2)]);
    await server.start();
    await waiting;
    assert.equal(await textOf(store, "b"), "meanwhile");
    assert.equal(await textOf(store, "a"), null);
    const redis = plainRedis(`redis://127.0.0.1:${server.port}`);
    t.after(() => redis.disconnect());
    await eventually(async () => (await redis.pubsub("CHANNELS")).length > 0);
    await store.publish("news", "again");
    assert.equal(await heard.promise, "again");
  });

  it("fails in a bounded time while Redis is away, then works again", async (t) => {
    const server = await started(t);
    const store = await opened(t, `redis://127.0.0.1:${server.port}?timeout=600`);
    await server.stop();
    const began = performance.now();
    const unavailable = { code: "ENGINE_UNAVAILABLE", message: new RegExp(`127.0.0.1:${server.port}`) };
    await Promise.all([
      assert.rejects(store.get("a"), unavailable),
      assert.rejects(store.setMany([entry("a", "1")]), unavailable),
      assert.rejects(
        store.subscribe("news", () => {}),
        unavailable,
      ),
    ]);
    assert.ok(performance.now() - began < 10_000);
    await server.start();
    await eventually(() =>
      store.get("a").then(
        () => true,
        () => false,
      ),
    );
    await store.setMany([entry("a", "2")]);
    assert.equal(await textOf(store, "a"), "2");
  });

  it("fails in a bounded time while Redis is there and does not answer, keeps the order, then works again", async (t) => {
    const server = await started(t);
    const store = await opened(t, `redis://127.0.0.1:${server.port}?timeout=300`);
    server.freeze();
    for (const value of ["1", "2"]) {
      await assert.rejects(store.setMany([entry("a", value)]), { code: "ENGINE_UNAVAILABLE" });
    }
    await assert.rejects(openOnlineStore(`redis://127.0.0.1:${server.port}?timeout=300`), {
      code: "ENGINE_UNAVAILABLE",
    });
    server.goOn();
    await eventually(() =>
      store.setMany([entry("a", "3")]).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await textOf(store, "a"), "3");
  });

  it("refuses a server that is no cluster, and waits in vain for sentinels that are none", async (t) => {
    const server = await started(t);
    const hosts = `127.0.0.1:${server.port}`;
    await assert.rejects(openOnlineStore(`redis+cluster://${hosts}`), { code: "ENGINE_REFUSED", message: /cluster/ });
    await assert.rejects(openOnlineStore(`redis+sentinel://${hosts}/main?timeout=500`), { code: "ENGINE_UNAVAILABLE" });
  });

  it("says ENGINE_UNAVAILABLE when there is no Redis to open", async () => {
    const nowhere = `redis://127.0.0.1:${(await freePorts(1))[0]}?timeout=500`;
    await assert.rejects(openOnlineStore(nowhere), { code: "ENGINE_UNAVAILABLE", message: /ECONNREFUSED/ });
  });

  it("has nothing after Redis was emptied, and takes older offsets again", async (t) => {
    const server = await started(t);
    const store = await opened(t, `redis://127.0.0.1:${server.port}`);
    await store.setMany([entry("a", "new", 9)], [{ index: "i", member: "a", score: 1 }]);
    const redis = plainRedis(`redis://127.0.0.1:${server.port}`);
    t.after(() => redis.disconnect());
    await redis.flushall();
    assert.equal(await store.get("a"), null);
    assert.equal(await store.count("i"), 0);
    await store.setMany([entry("a", "rebuilt", 1)]);
    assert.equal(await textOf(store, "a"), "rebuilt");
  });

  it("refuses a wrong password at once and names no secret", async (t) => {
    const server = await started(t, "--requirepass", "right-one");
    const at = `127.0.0.1:${server.port}`;
    for (const wrong of [`redis://:wrong-one@${at}`, `redis://nobody:wrong-one@${at}`, `redis://${at}`]) {
      await assert.rejects(openOnlineStore(wrong), (error) => {
        assert.ok(isMillraceError(error, "ENGINE_REFUSED"), String(error));
        assert.doesNotMatch(JSON.stringify([error.message, error.details, error.cause]) + error.stack, /wrong-one/);
        assert.doesNotMatch(JSON.stringify(Object.entries(error.cause as object)), /wrong-one/);
        return true;
      });
    }
    const store = await opened(t, `redis://:right-one@${at}/3`);
    await store.setMany([entry("a", "1")]);
    const redis = plainRedis(`redis://:right-one@${at}/3`);
    t.after(() => redis.disconnect());
    assert.deepEqual(await redis.keys("*"), ["millrace:k:a"]);
  });

  it("refuses a database that does not exist", async (t) => {
    const server = await started(t);
    await assert.rejects(openOnlineStore(`redis://127.0.0.1:${server.port}/99`), { code: "ENGINE_REFUSED" });
  });

  it("answers STORAGE_FULL at maxmemory, and nothing was written", async (t) => {
    const server = await started(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction");
    const store = await opened(t, `redis://127.0.0.1:${server.port}`);
    const fill = async (): Promise<void> => {
      for (let i = 0; ; i++) await store.setMany([{ key: `fill/${i}`, value: Buffer.alloc(100_000) }]);
    };
    await assert.rejects(fill(), { code: "STORAGE_FULL" });
    const late = { key: "late", value: Buffer.alloc(200_000) };
    const writing = store.setMany([late], [{ index: "late", member: "a", score: 1 }]);
    await assert.rejects(writing, { code: "STORAGE_FULL" });
    assert.equal(await store.get("late"), null);
    assert.equal(await store.count("late"), 0);
    await store.clear("fill/");
    await store.setMany([late]);
  });

  it("speaks TLS, and refuses a certificate that nobody vouches for", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "millrace-redis-tls-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(directory, name));
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const options = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
    await run("openssl", [...options, "-keyout", key, "-out", cert, ...subject]);
    const [port] = await freePorts(1);
    const tls = ["--tls-port", `${port}`, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"];
    await started(t, ...tls, "--tls-ca-cert-file", cert);
    const store = await opened(t, `rediss://localhost:${port}?ca=${encodeURIComponent(cert)}`);
    await store.setMany([entry("a", "sealed")]);
    assert.equal(await textOf(store, "a"), "sealed");
    await assert.rejects(openOnlineStore(`rediss://localhost:${port}`), {
      code: "ENGINE_REFUSED",
      message: /certificate/,
    });
  });
});

describe("URL of an online store in Redis", () => {
  it("is refused without being repeated when it is not understood", async () => {
    const wrong = [
      "redis://",
      "redis://:hidden@h:port",
      "redis://:hidden@h:99999",
      "redis://:hidden@h/db",
      "redis://hidden@h",
      "redis://:hid%den@h",
      "redis://:hidden/x@h",
      "redis://u:hidden/x@h",
      "redis://u:1/hidden@h",
      "redis://:hidden@h?timeout=soon",
      "redis://:hidden@h?color=red",
      "redis+cluster://:hidden@h/1",
      "redis+cluster://:hidden@h?prefix=millrace:",
      "redis+sentinel://:hidden@h",
      "rediss://:hidden@h?ca=/no/such/file",
    ];
    for (const one of wrong) {
      await assert.rejects(openOnlineStore(one), (error) => {
        assert.ok(isMillraceError(error, "INVALID_SETTING"), `${one}: ${error}`);
        assert.match(error.message, /^ONLINE_STORE: /);
        assert.doesNotMatch(error.message + JSON.stringify(error.details), /hidden/);
        return true;
      });
    }
  });
});
