import type { RecordBatch } from "../../../infra/broker/port.ts";
import {
  dictionaryColumn,
  int32Column,
  int64Column,
  type NativeColumn,
} from "../../../infra/warehouse/native-block.ts";
import type { SinkAssignment } from "./sink.ts";

/** The columns that say whose row it is and of which record: all but the offset are looked up once a batch. */
export const originOf = (): {
  columns: readonly NativeColumn[];
  write(batch: RecordBatch, i: number, assignment: SinkAssignment): void;
  reset(): void;
} => {
  const project = dictionaryColumn("project");
  const topic = dictionaryColumn("_topic");
  const partition = int32Column("_partition");
  const offset = int64Column("_offset");
  let known: RecordBatch | null = null;
  let ofProject = 0;
  let ofTopic = 0;
  return {
    columns: [project, topic, partition, offset],
    write(batch, i, assignment) {
      if (batch !== known) {
        known = batch;
        ofProject = project.to.indexOf(assignment.project);
        ofTopic = topic.to.indexOf(batch.topic);
      }
      project.to.push(ofProject);
      topic.to.push(ofTopic);
      partition.to.u32(batch.partition);
      offset.to.i64(batch.offsets[i]);
    },
    reset() {
      known = null;
    },
  };
};
