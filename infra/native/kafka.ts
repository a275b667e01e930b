import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import type { Engine } from "./engine.ts";
import { download, downloaded } from "./maven.ts";
import { freePorts } from "./ports.ts";
import { runProgram } from "./processes.ts";
import { java, maven, pathOf } from "./tools.ts";

const version = "3.9.2";
const jars = {
  name: `kafka-${version}`,
  dependencies: `
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId><version>1.7.36</version></dependency>`,
};

const user = "millrace";
const password = "millrace-secret";
const scramMechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

export const kafka: Engine = {
  name: "kafka",
  summary: `Apache Kafka ${version}, one broker (KRaft), with a second listener that asks for SASL`,
  needs: [java, maven],
  fetch: (announce) => download(jars, announce),
  async prepare(folder) {
    const [plain, sasl, controller] = await freePorts(3);
    writeFileSync(join(folder, "log4j.properties"), log4jProperties);
    writeFileSync(join(folder, "server.properties"), serverProperties({ folder, plain, sasl, controller }));
    format(folder);
    return {
      argv: [...jvm(folder, ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC"]), "kafka.Kafka", "server.properties"],
      folder,
      variables: {
        KAFKA_URL: `kafka://127.0.0.1:${plain}`,
        KAFKA_SASL_URL: `kafka://${user}:${password}@127.0.0.1:${sasl}?sasl=scram-sha-256`,
      },
    };
  },
  async probe({ variables }) {
    const client = new Kafka({
      brokers: [new URL(variables.KAFKA_URL).host],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
      connectionTimeout: 1000,
    });
    const admin = client.admin();
    try {
      await admin.connect();
      const { brokers } = await admin.describeCluster();
      if (brokers.length === 0) throw new Error("no broker has registered yet");
    } finally {
      await admin.disconnect();
    }
  },
};

const jvm = (folder: string, options: readonly string[]): [string, ...string[]] => [
  pathOf(java),
  ...options,
  `-Dlog4j.configuration=file:${join(folder, "log4j.properties")}`,
  "-cp",
  join(downloaded(jars), "*"),
];

const format = (folder: string): void => {
  const id = randomBytes(16).toString("base64url").replace(/^-/, "A");
  const scram = scramMechanisms.flatMap((name) => ["--add-scram", `${name}=[name=${user},password=${password}]`]);
  const args = ["kafka.tools.StorageTool", "format", "-t", id, "-c", "server.properties", ...scram];
  runProgram({ argv: [...jvm(folder, ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]), ...args], folder });
};

type Layout = { folder: string; plain: number; sasl: number; controller: number };

/**
 * One broker, so one replica of everything. Few partitions of the internal topics and no wait for a group's other
 * members: both only cost time here. The cleaner and the reaper of timed-out transactions run each second, so
 * that tests can await them; a killed broker is let in again when its old session has ended.
 */
const serverProperties = ({ folder, plain, sasl, controller }: Layout): string => `
node.id=1
process.roles=broker,controller
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${plain},SASL_PLAINTEXT://127.0.0.1:${sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,${scramMechanisms.join(",")}
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${user}="${password}";
${scramMechanisms.map((name) => `listener.name.sasl_plaintext.${name.toLowerCase()}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;`).join("\n")}
log.dirs=${join(folder, "data")}
auto.create.topics.enable=false
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
log.cleaner.backoff.ms=1000
log.cleaner.dedupe.buffer.size=33554432
`;

const log4jProperties = `
log4j.rootLogger=INFO, out
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.logger.org.apache.kafka.common.config=WARN
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m (%c)%n
`;
