import { once } from "node:events";
import { Socket } from "node:net";
import { Readable, type Writable } from "node:stream";

/** The bytes of a model before they are read. */
export type ModelSource = { size: number; open(): Promise<Readable> };

const chunkBytes = 2 ** 20;

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export const sourceOf = (bytes: Buffer): ModelSource => ({
  size: bytes.length,
  open: async () => Readable.from(chunksOf(bytes)),
});

/** The descriptor on which a model's process is given bytes: as a message they would hold up whoever sends them. */
export const modelDescriptor = 4;

/** Ends in an error where the source or the pipe does, or on the signal. `pipeline` leaves listeners at an open end. */
export const sendModel = async (source: ModelSource, to: Writable, signal: AbortSignal): Promise<void> => {
  const from = await source.open();
  try {
    for await (const chunk of from) {
      signal.throwIfAborted();
      if (!to.write(chunk)) await once(to, "drain", { signal });
    }
  } finally {
    from.destroy();
  }
};

/** Answers how to receive the next so many bytes. */
export const modelReceiver = (): ((size: number) => Promise<Buffer>) => {
  const from = new Socket({ fd: modelDescriptor, readable: true, writable: false });
  return async (size) => {
    const bytes = Buffer.allocUnsafe(size);
    let at = 0;
    while (at < size) {
      const chunk = from.read() as Buffer | null;
      if (chunk === null) await new Promise((resolve) => from.once("readable", resolve));
      else {
        chunk.copy(bytes, at);
        at += chunk.length;
      }
    }
    return bytes;
  };
};
