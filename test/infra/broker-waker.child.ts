import { parentPort, workerData } from "node:worker_threads";
import { recordValue } from "../../infra/broker/batch.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";

/** In a thread of its own: answers each record of `ask` with one of the same value in `answer`. */
const broker = sqliteBroker(workerData as string);
const reader = broker.reader({ partitions: [{ topic: "ask", partition: 0 }], from: new Map() });
const stop = new AbortController();
parentPort?.once("message", () => stop.abort());
parentPort?.postMessage("ready");
while (!stop.signal.aborted) {
  const batch = await reader.poll("ask", 0);
  if (batch === null) await reader.wait(60_000, stop.signal);
  else {
    for (let i = 0; i < batch.count; i++) {
      await broker.produce("answer", [{ key: null, value: recordValue(batch, i), timestamp: batch.timestamps[i] }]);
    }
  }
}
await broker.close();
