import { isUtf8 } from "node:buffer";

/** Bytes that no text is made of; what came before them has been given out. */
export class NoTextError extends Error {}

/**
 * Texts of files as UTF-8 without a byte order mark: UTF-8 itself, and UTF-16 of either order, known by its mark or by
 * the zeros between its first characters. Throws `NoTextError` at the first byte that is neither, after what stands
 * before it.
 */
export async function* asUtf8(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let decoder: Decoder | null = null;
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (decoder === null) {
      if (held.length < MARK_BYTES) continue;
      ({ decoder, held } = decoderOf(held));
    }
    const { text, rest, wrong } = decoder(held);
    if (text.length > 0) yield text;
    if (wrong !== null) throw new NoTextError(wrong);
    held = rest;
  }
  if (decoder === null) ({ decoder, held } = decoderOf(held));
  const { text, rest, wrong } = decoder(held);
  if (text.length > 0) yield text;
  if (wrong !== null || rest.length > 0) throw new NoTextError(wrong ?? "the file ends within a character");
}

/** What is text of some bytes, the begin of a character at their end, and why what comes then is no text. */
type Decoder = (bytes: Buffer) => { text: Buffer; rest: Buffer; wrong: string | null };

const MARK_BYTES = 4;

const decoderOf = (bytes: Buffer): { decoder: Decoder; held: Buffer } => {
  const head = bytes.toString("latin1", 0, MARK_BYTES);
  if (head.startsWith("\xef\xbb\xbf")) return { decoder: utf8, held: bytes.subarray(3) };
  if (head === "\xff\xfe\0\0" || head === "\0\0\xfe\xff") throw new NoTextError("it is UTF-32; save it as UTF-8");
  if (head.startsWith("\xff\xfe")) return { decoder: utf16, held: bytes.subarray(2) };
  if (head.startsWith("\xfe\xff")) return { decoder: utf16Swapped, held: bytes.subarray(2) };
  if (/^[^\0]\0[^\0]\0$/.test(head)) return { decoder: utf16, held: bytes };
  if (/^\0[^\0]\0[^\0]$/.test(head)) return { decoder: utf16Swapped, held: bytes };
  return { decoder: utf8, held: bytes };
};

const utf8: Decoder = (bytes) => {
  const whole = bytes.length - openBytes(bytes);
  const text = bytes.subarray(0, whole);
  if (isUtf8(text)) return { text, rest: bytes.subarray(whole), wrong: null };
  const at = firstWrong(text);
  const byte = text[at].toString(16).padStart(2, "0");
  const wrong = `the byte 0x${byte} is not UTF-8: save the file as UTF-8 (is it Latin-1, or Windows-1252?)`;
  return { text: text.subarray(0, at), rest: text.subarray(at), wrong };
};

/** Bytes at the end that begin a character and do not end it. */
const openBytes = (bytes: Buffer): number => {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
};

/** Halves what is wrong until one character is left. */
const firstWrong = (bytes: Buffer): number => {
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const upTo = middle - openBytes(bytes.subarray(good, middle));
    if (upTo <= good) break;
    if (isUtf8(bytes.subarray(good, upTo))) good = upTo;
    else bad = upTo;
  }
  while (good < bad && isUtf8(bytes.subarray(good, good + widthOf(bytes[good])))) good += widthOf(bytes[good]);
  return good;
};

const widthOf = (byte: number): number => (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1);

const HIGH_SURROGATE = 0xd8;

const utf16: Decoder = (bytes) => {
  let whole = bytes.length & ~1;
  if (whole > 0 && (bytes[whole - 1] & 0xfc) === HIGH_SURROGATE) whole -= 2;
  const text = bytes.toString("utf16le", 0, whole);
  if (text.isWellFormed()) return { text: Buffer.from(text), rest: bytes.subarray(whole), wrong: null };
  let at = 0;
  while (text.slice(at, at + 1).isWellFormed() || text.slice(at, at + 2).isWellFormed()) {
    at += text.slice(at, at + 1).isWellFormed() ? 1 : 2;
  }
  return { text: Buffer.from(text.slice(0, at)), rest: bytes, wrong: "half of a UTF-16 pair stands alone" };
};

const utf16Swapped: Decoder = (bytes) => {
  const whole = bytes.length & ~1;
  const { text, rest, wrong } = utf16(Buffer.from(bytes.subarray(0, whole)).swap16());
  return { text, rest: Buffer.concat([Buffer.from(rest).swap16(), bytes.subarray(whole)]), wrong };
};
