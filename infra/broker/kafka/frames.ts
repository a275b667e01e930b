/** No answer of Kafka's is larger than what was asked for, some megabytes. */
const LARGEST_FRAME = 1 << 28;
const LENGTH_BYTES = 4;

/**
 * Cuts what a connection receives, in pieces of any size, into the protocol's frames: a length of four bytes and as
 * many bytes. Each is given on whole, in memory of its own, into which it is copied once. `refuse` is told of a length
 * that is none, and nothing is given on from then.
 */
export const frames = (give: (frame: Buffer) => void, refuse: (length: number) => void) => {
  const head = Buffer.alloc(LENGTH_BYTES);
  let frame = head;
  let filled = 0;
  let refused = false;

  return (piece: Uint8Array): void => {
    let at = 0;
    while (at < piece.length && !refused) {
      const count = Math.min(frame.length - filled, piece.length - at);
      frame.set(piece.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled < frame.length) return;
      if (frame === head) {
        const length = head.readInt32BE(0);
        if (length < 0 || length > LARGEST_FRAME) {
          refused = true;
          refuse(length);
          return;
        }
        frame = Buffer.allocUnsafe(LENGTH_BYTES + length);
        frame.set(head);
        if (length > 0) continue;
      }
      const whole = frame;
      frame = head;
      filled = 0;
      give(whole);
    }
  };
};
