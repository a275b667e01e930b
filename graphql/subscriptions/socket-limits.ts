export type SocketLimits = {
  sockets: number;
  /** Operations that a socket may have at once, and all sockets together. */
  perSocket: number;
  subscriptions: number;
  /** Bytes of one message. */
  messageBytes: number;
  /** Bytes that wait for a client that does not read them, before its socket is cut. */
  unreadBytes: number;
  /** Milliseconds from opening a socket to its `connection_init`. */
  initMs: number;
};

export const socketLimits: SocketLimits = {
  sockets: 1000,
  perSocket: 100,
  subscriptions: 5000,
  messageBytes: 262_144,
  unreadBytes: 16_777_216,
  initMs: 10_000,
};
