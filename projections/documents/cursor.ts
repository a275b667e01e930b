import { MillraceError } from "../../schemas/errors.ts";
import type { Order } from "./keys.ts";

export type Cursor = { score: number; member: string };

/** Where a list stopped, opaque to the caller: order, score and member, base64url. */
export const encodeCursor = (order: Order, { score, member }: Cursor): string =>
  Buffer.from(JSON.stringify([order, score, member])).toString("base64url");

/** BAD_REQUEST for what is not a cursor, or one of a list in another order. */
export const decodeCursor = (order: Order, cursor: string): Cursor => {
  const parts = parse(cursor);
  if (!Array.isArray(parts) || parts.length !== 3 || typeof parts[1] !== "number" || typeof parts[2] !== "string") {
    throw new MillraceError("BAD_REQUEST", "after: not a cursor that a list of documents gave; leave it out to start");
  }
  if (parts[0] !== order) {
    throw new MillraceError(
      "BAD_REQUEST",
      `after: the cursor belongs to a list in order ${String(parts[0])}, not ${order}; keep the order while paging`,
    );
  }
  return { score: parts[1], member: parts[2] };
};

const parse = (cursor: string): unknown => {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return null;
  }
};
