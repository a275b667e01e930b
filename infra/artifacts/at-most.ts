import { MillraceError } from "../../schemas/errors.ts";

/** The bytes as they come. DATASET_TOO_LARGE as soon as there are more than that. */
export async function* atMost(bytes: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    yield chunk;
  }
}

export const tooLarge = (maxBytes: number): MillraceError =>
  new MillraceError(
    "DATASET_TOO_LARGE",
    `the dataset has more than ${maxBytes} bytes: raise DATASET_MAX_BYTES, or split it`,
  );
