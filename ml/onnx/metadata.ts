/** Fields of a protobuf message that matter here: number, and the bytes of a length-delimited value. */
function* fields(message: Buffer): Generator<{ field: number; body: Buffer | null }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length) throw new RangeError("a protobuf message is cut off");
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const fixedSizes: Record<number, number> = { 1: 8, 5: 4 };
  while (at < message.length) {
    const tag = varint();
    const wire = tag % 8;
    const field = Math.floor(tag / 8);
    if (wire === 0) {
      varint();
      yield { field, body: null };
      continue;
    }
    const size = wire === 2 ? varint() : fixedSizes[wire];
    if (size === undefined || at + size > message.length) throw new RangeError("a protobuf message is cut off");
    yield { field, body: wire === 2 ? message.subarray(at, at + size) : null };
    at += size;
  }
}

const METADATA_PROPS = 14;

/** `metadata_props` of an ONNX file's ModelProto. RangeError where the bytes are no protobuf message. */
export const readMetadata = (model: Buffer): Record<string, string> => {
  const metadata: Record<string, string> = {};
  for (const { field, body } of fields(model)) {
    if (field !== METADATA_PROPS || body === null) continue;
    let key = "";
    let value = "";
    for (const part of fields(body)) {
      if (part.field === 1) key = part.body?.toString() ?? "";
      if (part.field === 2) value = part.body?.toString() ?? "";
    }
    metadata[key] = value;
  }
  return metadata;
};
