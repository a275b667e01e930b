/**
 * A process or thread of the event store tests. `<file> [appends]`: appends pairs of events from ten writers at once
 * and reports the ids that were acknowledged. `--lock <directory>`: takes the lock and waits to be killed.
 */
import { isMainThread } from "node:worker_threads";
import { sqliteEventStore } from "../../infra/event-store/sqlite.ts";
import { lockDirectory } from "../../infra/sqlite/lock.ts";
import { newEvent } from "../contracts/event-store.contract.ts";

const [first, second] = process.argv.slice(2);

const append = async (path: string, appends: number): Promise<void> => {
  const store = sqliteEventStore(path);
  let left = appends;
  const writer = async (name: number): Promise<void> => {
    while (left-- > 0) {
      const events = [newEvent("One"), newEvent("Two", { pad: "x".repeat(300) })];
      await store.append(`w-p/${name}`, events, "any");
      if (isMainThread) process.send?.(events[1].id);
    }
  };
  await Promise.all(Array.from({ length: 10 }, (_, name) => writer(name)));
  await store.close();
};

if (first === "--lock") {
  lockDirectory(second);
  // A listener keeps the process alive until it is killed.
  process.on("message", () => undefined);
  process.send?.("locked");
} else await append(first, second === undefined ? Number.POSITIVE_INFINITY : Number(second));
