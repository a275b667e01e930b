import { type NativeColumn, nativeBlock } from "../../../infra/warehouse/native-block.ts";
import type { AvroCursor } from "../avro-cursor.ts";
import { originOf } from "./origin.ts";
import { frameBytes, type RowEncoder } from "./sink.ts";

/** A row a record: its origin, then `columns`, to which `writeRow` takes over what `avro` reads of the record. */
export const nativeEncoder = (avro: AvroCursor, columns: readonly NativeColumn[], writeRow: () => void): RowEncoder => {
  const origin = originOf();
  const block = nativeBlock([...origin.columns, ...columns]);
  return {
    append(batch, i, { project }) {
      if (batch.valueStart[i] < 0) return false;
      try {
        origin.write(project, batch.topic, batch.partition, batch.offsets[i]);
        avro.over(batch.bytes, batch.valueStart[i] + frameBytes, batch.valueEnd[i]);
        writeRow();
      } catch (error) {
        block.dropRow();
        throw error;
      }
      block.endRow();
      return true;
    },
    get length() {
      return block.length;
    },
    bytes: () => block.bytes(),
    reset() {
      origin.reset();
      block.reset();
    },
  };
};
