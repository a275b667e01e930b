import { originColumns, originWriter, rowBinaryEncoder, type Sink } from "./sink.ts";

/** The features in a changelog's record of that time; null where the record is another state of the task. */
export type DecodeFeatures = (
  project: string,
  key: Buffer,
  value: Buffer,
  at: number,
) => { view: string; version: number; entity: string; at: number; values: ArrayLike<number> } | null;

export const featureValueSink = (decode: DecodeFeatures): Sink => {
  const origin = originWriter();
  return {
    kind: "changelog",
    table: "feature_values",
    columns: `${originColumns}, application, view, version, entity, at, values`,
    format: "RowBinary",
    encoder: () =>
      rowBinaryEncoder((batch, i, assignment, to) => {
        if (batch.valueStart[i] < 0 || batch.keyStart[i] < 0 || assignment.kind !== "changelog") return false;
        const found = decode(
          assignment.project,
          batch.bytes.subarray(batch.keyStart[i], batch.keyEnd[i]),
          batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]),
          batch.timestamps[i],
        );
        if (found === null) return false;
        origin(batch, i, assignment, to);
        to.string(assignment.application);
        to.string(found.view);
        to.u32(found.version);
        to.string(found.entity);
        to.dateTime64(found.at);
        to.f64Array(found.values);
        return true;
      }),
  };
};
