import { kafkaBroker } from "../../infra/broker/kafka/kafka.ts";

/** Commits number after number with the offset behind it, each time two records on two partitions; until it is killed. */
const broker = await kafkaBroker(process.argv[2]);
const writer = await broker.writer("task");
for (let i = 0; ; i++) {
  const one = writer.transaction();
  one.add("out", 0, "k", Buffer.from(`${i}`), i);
  one.add("out", 1, "k", Buffer.from(`${i}`), i);
  one.offsets("g", [{ topic: "in", partition: 0, offset: i + 1 }]);
  await one.commit();
  if (i === 0) console.log("committed");
}
