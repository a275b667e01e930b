import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { kafkaBroker } from "../../infra/broker/kafka/kafka.ts";
import type { Broker } from "../../infra/broker/port.ts";

/** The variable's URL, and why a suite is skipped without it. */
export const kafkaUrl = (variable = "KAFKA_URL"): { url: string; skip: string | false } => {
  const url = process.env[variable];
  return { url: url ?? "", skip: url === undefined ? `${variable} is not set` : false };
};

type Child = {
  /** Resolves when the child has printed the word. */
  said(word: string): Promise<void>;
  kill(): void;
};

/** Brokers that see topics, groups and writers of their own prefix alone. `cleanup` closes them and deletes the topics. */
export const kafkaSetup = (url: string) => {
  const prefix = `t${randomUUID().slice(0, 8)}-`;
  const opened: Broker[] = [];
  const children: ChildProcess[] = [];
  const ownUrl = `${url}${url.includes("?") ? "&" : "?"}prefix=${prefix}&replication-factor=1`;
  const open = async (parameters = ""): Promise<Broker> => {
    const broker = await kafkaBroker(ownUrl + parameters);
    opened.push(broker);
    return broker;
  };
  return {
    /** Of its names in Kafka. */
    prefix,
    open,
    /** A process of its own, given the URL as its argument. It ends with the test. */
    fork(file: string): Child {
      const child = spawn(process.execPath, [join(import.meta.dirname, file), ownUrl], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      return {
        said: async (word) => {
          for await (const text of child.stdout) if (String(text).includes(word)) return;
          throw new Error(`${file} ended without saying "${word}"`);
        },
        kill: () => {
          child.kill("SIGKILL");
        },
      };
    },
    async cleanup(): Promise<void> {
      for (const child of children) child.kill("SIGKILL");
      const last = await open();
      for (const { topic } of await last.topics()) await last.deleteTopic(topic);
      for (const broker of opened) await broker.close();
    },
  };
};
