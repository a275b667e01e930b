import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { openBroker } from "../../infra/broker/open.ts";
import type { Broker } from "../../infra/broker/port.ts";
import { isMillraceError } from "../../schemas/errors.ts";
import { readAll, readerOf } from "../contracts/broker-reading.ts";

const child = (name: string): URL => new URL(name, import.meta.url);

describe("the SQLite broker", { timeout: 120_000 }, () => {
  let dir: string;
  let path: string;
  let broker: Broker;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "millrace-broker-"));
    path = join(dir, "broker.db");
    broker = await openBroker(`sqlite:${path}`);
  });
  afterEach(async () => {
    await broker.close();
    rmSync(dir, { recursive: true });
  });

  it("moves every record exactly once and in order, however often the mover is killed", async () => {
    const count = 30_000;
    await broker.ensureTopic("in", { partitions: 2, cleanup: "delete" });
    await broker.ensureTopic("out", { partitions: 2, cleanup: "delete" });
    for (const partition of [0, 1]) {
      await broker.produce(
        "in",
        Array.from({ length: count / 2 }, (_, i) => ({
          key: `k${i}`,
          value: Buffer.from(`${partition}-${i}`),
          timestamp: i,
          partition,
        })),
      );
    }
    let kills = 0;
    for (let finished = false; !finished; ) {
      const mover = spawn(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", fileURLToPath(child("broker-crash.child.ts")), path],
        // A process that is killed while it writes its coverage leaves half a file, which nobody can read.
        { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, NODE_V8_COVERAGE: "" } },
      );
      const exit = once(mover, "exit");
      await Promise.race([once(mover.stdout, "data"), exit]);
      const killer = kills < 6 ? delay(1 + Math.random() * 40).then(() => mover.kill("SIGKILL")) : null;
      const [code, signal] = (await exit) as [number | null, string | null];
      await killer;
      if (signal === "SIGKILL") kills++;
      else {
        assert.equal(code, 0);
        finished = true;
      }
      // Whatever moment it was: outputs and offsets agree.
      const high = (await broker.watermarks("out")).map((mark) => mark.high);
      for (const { partition, offset } of await broker.committed("mover")) assert.equal(offset, high[partition]);
    }
    assert.ok(kills > 0, "the mover was killed at least once");
    assert.deepEqual(await readAll(broker, "out"), await readAll(broker, "in"));
  });

  it("wakes a reader in another thread by the write itself, not by a poll", async () => {
    await broker.ensureTopic("ask", { partitions: 1, cleanup: "delete" });
    await broker.ensureTopic("answer", { partitions: 1, cleanup: "delete" });
    const worker = new Worker(child("broker-waker.child.ts"), { workerData: path });
    await once(worker, "message");
    const reader = readerOf(broker, "answer", 1);
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      const from = performance.now();
      await broker.produce("ask", [{ key: null, value: Buffer.from(`${i}`), timestamp: i }]);
      while ((await reader.poll("answer", 0)) === null) await reader.wait(10_000);
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    // There and back; each way alone would take 100 ms on average if it waited for the 200 ms poll.
    assert.ok(times[50] < 60, `half of the answers took longer than ${times[50]} ms`);
    const exit = once(worker, "exit");
    worker.postMessage("stop");
    await exit;
  });

  it("keeps every record when several threads and connections write at once", async () => {
    await broker.ensureTopic("ask", { partitions: 1, cleanup: "delete" });
    await broker.ensureTopic("answer", { partitions: 1, cleanup: "delete" });
    const workers = [0, 1, 2].map(() => new Worker(child("broker-waker.child.ts"), { workerData: path }));
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const asked = 200;
    for (let i = 0; i < asked; i++) {
      await broker.produce("ask", [{ key: null, value: Buffer.from(`${i}`), timestamp: i }]);
    }
    const reader = readerOf(broker, "answer", 1);
    for (let read = 0; read < asked * workers.length; ) {
      const batch = await reader.poll("answer", 0);
      if (batch === null) await reader.wait(10_000);
      read += batch?.count ?? 0;
    }
    const answers = (await readAll(broker, "answer")).map((one) => Number(one.value)).sort((a, b) => a - b);
    assert.deepEqual(
      answers,
      Array.from({ length: asked * workers.length }, (_, i) => Math.floor(i / workers.length)),
    );
    const exits = workers.map((worker) => once(worker, "exit"));
    for (const worker of workers) worker.postMessage("stop");
    await Promise.all(exits);
  });

  it("is chosen by the scheme of its URL", async () => {
    await assert.rejects(
      openBroker("amqp://somewhere"),
      (error) => isMillraceError(error, "INVALID_SETTING") && error.message.includes("sqlite:"),
    );
  });
});
