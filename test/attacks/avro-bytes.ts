/** Avro's binary encoding by hand: what no writer would write. */
export const zigzag = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
};

export const avroString = (text: string): Buffer => Buffer.concat([zigzag(Buffer.byteLength(text)), Buffer.from(text)]);

/** In Confluent's frame, of schema 1. */
export const framed = (...parts: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), ...parts]);

/** An object container file: blocks of so many records with these bytes, as they stand after the codec. */
export const avroFile = (
  schema: unknown,
  codec: string,
  blocks: readonly { count: number; bytes: Uint8Array }[],
): Buffer => {
  const sync = Buffer.alloc(16, 7);
  const text = typeof schema === "string" ? schema : JSON.stringify(schema);
  return Buffer.concat([
    Buffer.from("Obj\x01"),
    zigzag(2),
    ...[avroString("avro.schema"), avroString(text), avroString("avro.codec"), avroString(codec)],
    zigzag(0),
    sync,
    ...blocks.flatMap(({ count, bytes }) => [zigzag(count), zigzag(bytes.length), bytes, sync]),
  ]);
};
