import { once } from "node:events";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

/**
 * Asks `/health/live` again and again on a connection of its own, in a thread of its own: the one of the test may be
 * busy with what it sends. Told anything, it answers the longest wait since it was last told, in milliseconds; without
 * end where nobody answered.
 */
const { url, pauseMs } = workerData as { url: string; pauseMs: number };
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let longest = 0;

const beat = async (): Promise<void> => {
  const startedAt = performance.now();
  try {
    const [response] = await once(request(`${url}/health/live`, { agent }).end(), "response");
    await text(response);
    longest = Math.max(longest, performance.now() - startedAt);
  } catch {
    longest = Number.POSITIVE_INFINITY;
  }
};

let isTold = false;
parentPort?.on("message", () => {
  isTold = true;
});

for (;;) {
  await beat();
  if (isTold) {
    parentPort?.postMessage(longest);
    longest = 0;
    isTold = false;
  }
  await delay(pauseMs);
}
