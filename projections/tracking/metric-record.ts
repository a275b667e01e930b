import type { RecordBatch } from "../../infra/broker/port.ts";
import { valueDecoder } from "../../schemas/codec.ts";
import { MillraceError } from "../../schemas/errors.ts";
import { type MetricBatchRecord, metricBatchSchema } from "../../schemas/topics.ts";

const read = valueDecoder<MetricBatchRecord>(metricBatchSchema);
const isRun = /^[0-9a-f]{32}$/i;

/** A record of a project's metrics topic; UNDECODABLE_RECORD for one that the platform cannot have written. */
export const decodeMetrics = (batch: RecordBatch, i: number): MetricBatchRecord => {
  try {
    const record = read(batch.bytes, batch.valueStart[i], batch.valueEnd[i]);
    if (!isRun.test(record.run)) throw new Error(`a run is no 32 hexadecimal digits: "${record.run}"`);
    const early = record.points.find(({ timestamp }) => timestamp < 0);
    if (early === undefined) return record;
    throw new Error(`"${early.key}" has the timestamp ${early.timestamp}, which is before 1970`);
  } catch (cause) {
    const where = `${batch.topic}/${batch.partition} at ${batch.offsets[i]}`;
    throw new MillraceError("UNDECODABLE_RECORD", `${where}: ${(cause as Error).message}`, { cause });
  }
};
