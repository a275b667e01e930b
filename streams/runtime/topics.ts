import type { Broker, TopicConfig } from "../../infra/broker/port.ts";
import { topicOf } from "../../schemas/topics.ts";
import type { Catalog } from "../catalog.ts";
import type { Application } from "../topology.ts";

/** Creates the platform's own topics that the applications read and write; existing ones stay as they are. */
export const ensureTopics = async (
  broker: Broker,
  catalog: Catalog,
  applications: readonly Application[],
): Promise<void> => {
  const wanted = new Map<string, TopicConfig>();
  const large = 64 << 20;
  const log = (partitions: number): TopicConfig => ({ partitions, cleanup: "delete", maxRecordBytes: large });
  const compacted = (partitions: number): TopicConfig => ({ partitions, cleanup: "compact", maxRecordBytes: large });
  for (const project of catalog.projects) {
    wanted.set(topicOf.tiles(project), compacted(1));
    wanted.set(topicOf.drift(project), log(1));
    wanted.set(topicOf.deadLetters(project), log(1));
  }
  for (const application of applications) {
    wanted.set(topicOf.changelog(application.id), compacted(application.partitions));
    wanted.set(topicOf.journal(application.id), log(application.partitions));
    if (application.rekeyed) {
      for (const { topic } of application.inputs) wanted.set(topic, log(application.partitions));
    }
    for (const { project, id } of application.deployments) {
      wanted.set(topicOf.predictions(project, id), log(application.partitions));
      wanted.set(topicOf.outcomes(project, id), log(application.partitions));
    }
  }
  for (const [topic, config] of wanted) {
    if ((await broker.topic(topic)) === null) await broker.ensureTopic(topic, config);
  }
};
