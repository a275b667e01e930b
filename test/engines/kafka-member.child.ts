import { kafkaBroker } from "../../infra/broker/kafka/kafka.ts";

/** Joins a group and says so when it owns something; until it is killed. */
const broker = await kafkaBroker(process.argv[2]);
const member = await broker.join("streams", { index: 0, of: 1 });
member.subscribe(["a"]);
while (!member.owns(0) && !member.owns(1) && !member.owns(2) && !member.owns(3) && !member.owns(4)) {
  await member.changed(member.revision(), AbortSignal.timeout(1000));
}
console.log("owns");
