import { recordKey, recordValue } from "../../infra/broker/batch.ts";
import { partitionKey } from "../../infra/broker/port.ts";
import { sqliteBroker } from "../../infra/broker/sqlite.ts";

/** Moves what is in topic `in` to topic `out`, a few records a transaction, until it is killed or nothing is left. */
const broker = sqliteBroker(process.argv[2]);
const committed = await broker.committed("mover");
const reader = broker.reader({
  partitions: [
    { topic: "in", partition: 0 },
    { topic: "in", partition: 1 },
  ],
  from: new Map(committed.map(({ topic, partition, offset }) => [partitionKey(topic, partition), offset])),
  maxRecords: 37,
});
console.log("started");
let idle = false;
while (!idle) {
  idle = true;
  for (const partition of [0, 1]) {
    const batch = await reader.poll("in", partition);
    if (batch === null) continue;
    idle = false;
    const transaction = broker.transaction();
    for (let i = 0; i < batch.count; i++) {
      transaction.add("out", partition, recordKey(batch, i), recordValue(batch, i), batch.timestamps[i]);
    }
    transaction.offsets("mover", [{ topic: "in", partition, offset: batch.offsets[batch.count - 1] + 1 }]);
    await transaction.commit();
  }
}
await broker.close();
