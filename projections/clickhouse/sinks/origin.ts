import {
  dictionaryColumn,
  int32Column,
  int64Column,
  type NativeColumn,
} from "../../../infra/warehouse/native-block.ts";

/**
 * The columns that say whose row it is and of which record. A topic, with the project whose it is, is looked up only
 * where the row before was of another.
 */
export const originOf = (): {
  columns: readonly NativeColumn[];
  write(project: string, topic: string, partition: number, offset: number): void;
  reset(): void;
} => {
  const projects = dictionaryColumn("project");
  const topics = dictionaryColumn("_topic");
  const partitions = int32Column("_partition");
  const offsets = int64Column("_offset");
  let known: string | null = null;
  let ofProject = 0;
  let ofTopic = 0;
  return {
    columns: [projects, topics, partitions, offsets],
    write(project, topic, partition, offset) {
      if (topic !== known) {
        known = topic;
        ofProject = projects.to.indexOf(project);
        ofTopic = topics.to.indexOf(topic);
      }
      projects.to.push(ofProject);
      topics.to.push(ofTopic);
      partitions.to.u32(partition);
      offsets.to.i64(offset);
    },
    reset() {
      known = null;
    },
  };
};
