import { randomBytes } from "node:crypto";

/** UTC milliseconds. Injected wherever a decision or a record depends on the time. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();

let lastMs = 0;
let counter = 0;

/** UUIDv7 (RFC 9562 section 6.2, method 1): sortable by creation within this process, 12-bit counter. */
export const uuidv7 = (now: number = Date.now()): string => {
  const bytes = randomBytes(16);
  if (now > lastMs) {
    lastMs = now;
    counter = bytes.readUInt16BE(6) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes[6] = 0x70 | (counter >> 8);
  bytes[7] = counter & 0xff;
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return format(bytes);
};

const format = (bytes: Buffer): string => {
  const hex = bytes.toString("hex", 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
