import { MillraceError } from "../../schemas/errors.ts";
import type { TopicConfig } from "./port.ts";

/**
 * RECORD_TOO_LARGE or INVALID_RECORD for a record that the topic does not take. `index` is the record's place in its
 * call, -1 where the caller knows which one it is.
 */
export const checkRecord = (
  topic: { name: string; config: Pick<TopicConfig, "cleanup">; maxRecordBytes: number },
  key: Buffer | string | null,
  value: Buffer | null,
  timestamp: number,
  index: number,
): void => {
  const valueBytes = value === null ? 0 : value.length;
  // A UTF-16 unit is at most three bytes: most keys need no count.
  const atMost = valueBytes + (key === null ? 0 : typeof key === "string" ? key.length * 3 : key.length);
  if (atMost > topic.maxRecordBytes) {
    const size = valueBytes + (key === null ? 0 : Buffer.byteLength(key));
    if (size > topic.maxRecordBytes) {
      throw new MillraceError(
        "RECORD_TOO_LARGE",
        `${which(index)} has ${size} bytes; topic "${topic.name}" allows ${topic.maxRecordBytes}`,
        { details: { topic: topic.name, index, size, limit: topic.maxRecordBytes } },
      );
    }
  }
  if (!Number.isFinite(timestamp)) {
    throw new MillraceError("INVALID_RECORD", `${which(index)} has the timestamp ${timestamp}: give UTC milliseconds`);
  }
  if (key === null && topic.config.cleanup === "compact") {
    throw new MillraceError(
      "INVALID_RECORD",
      `${which(index)} has no key; topic "${topic.name}" is compacted and keeps the newest record of each key`,
    );
  }
};

const which = (index: number): string => (index < 0 ? "the record" : `record ${index}`);
