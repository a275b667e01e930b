import { byteWriter } from "./byte-writer.ts";
import { MillraceError } from "./errors.ts";

/**
 * The journal of a task: one entry a commit, saying which records it took from which input in which order.
 * Replaying the inputs in this order gives every state that the task ever had, bit for bit.
 */
export type JournalEntry = {
  inputs: { topic: string /** Offset of the first record taken. */; offset: number }[];
  /** Alternating: input index, number of records; a negative number are records that became dead letters undecoded. */
  runs: number[];
};

const formatVersion = 1;

export const encodeJournal = (entry: JournalEntry): Buffer => {
  const writer = byteWriter(256 + entry.runs.length * 2);
  writer.long(formatVersion);
  writer.long(entry.inputs.length);
  for (const input of entry.inputs) {
    writer.string(input.topic);
    writer.long(input.offset);
  }
  writer.longs(entry.runs);
  return writer.bytes();
};

/** UNDECODABLE_RECORD for what is no entry. */
export const decodeJournal = (bytes: Uint8Array): JournalEntry => {
  let at = 0;
  const long = (): number => {
    let factor = 1;
    let zigzag = 0;
    for (;;) {
      if (at >= bytes.length) throw new MillraceError("UNDECODABLE_RECORD", "a journal entry ends too early");
      const byte = bytes[at++];
      zigzag += (byte & 127) * factor;
      if (byte < 128) break;
      factor *= 128;
    }
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  };
  const text = new TextDecoder();
  if (long() !== formatVersion) throw new Error("journal entry of a newer format");
  const inputs: JournalEntry["inputs"] = [];
  const count = long();
  for (let i = 0; i < count; i++) {
    const length = long();
    const topic = text.decode(bytes.subarray(at, at + length));
    at += length;
    inputs.push({ topic, offset: long() });
  }
  const runs: number[] = [];
  for (let block = long(); block > 0; block = long()) {
    for (let i = 0; i < block; i++) runs.push(long());
  }
  return { inputs, runs };
};
