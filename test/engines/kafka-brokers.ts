import { randomUUID } from "node:crypto";
import { kafkaBroker } from "../../infra/broker/kafka/kafka.ts";
import type { Broker } from "../../infra/broker/port.ts";

/** The variable's URL, and why a suite is skipped without it. */
export const kafkaUrl = (variable = "KAFKA_URL"): { url: string; skip: string | false } => {
  const url = process.env[variable];
  return { url: url ?? "", skip: url === undefined ? `${variable} is not set` : false };
};

/** Brokers that see topics, groups and writers of their own prefix alone. `cleanup` closes them and deletes the topics. */
export const kafkaSetup = (url: string, parameters = "") => {
  const prefix = `t${randomUUID().slice(0, 8)}-`;
  const opened: Broker[] = [];
  const open = async (): Promise<Broker> => {
    const broker = await kafkaBroker(
      `${url}${url.includes("?") ? "&" : "?"}prefix=${prefix}&replication-factor=1${parameters}`,
    );
    opened.push(broker);
    return broker;
  };
  return {
    prefix,
    open,
    async cleanup(): Promise<void> {
      const last = await open();
      for (const { topic } of await last.topics()) await last.deleteTopic(topic);
      for (const broker of opened) await broker.close();
    },
  };
};
