import { MillraceError } from "../../schemas/errors.ts";
import type { OrderKey } from "./filter/ast.ts";
import type { Place } from "./filter/evaluate.ts";

/** A run's place in an order: that of each key, then when it began, then its id. */
export type RunPlace = { places: readonly Place[]; start: number; run: string };

/** Opaque. Values travel as text, for JSON has no infinity. */
export const encodePlace = ({ places, start, run }: RunPlace): string =>
  Buffer.from(JSON.stringify([places.map(({ rank, value }) => [rank, String(value)]), start, run])).toString(
    "base64url",
  );

/** BAD_REQUEST for a token of another order, or of no list. */
export const decodePlace = (token: string, order: readonly OrderKey[]): RunPlace => {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(token, "base64url").toString());
  } catch (cause) {
    throw foreign(cause);
  }
  if (!Array.isArray(decoded)) throw foreign();
  const [places, start, run] = decoded as [unknown, unknown, unknown];
  if (!Array.isArray(places) || places.length !== order.length) throw foreign();
  if (typeof start !== "number" || typeof run !== "string") throw foreign();
  return { start, run, places: places.map((place, i) => decodeOne(place, order[i])) };
};

const decodeOne = (place: unknown, { type }: OrderKey): Place => {
  if (!Array.isArray(place)) throw foreign();
  const [rank, text] = place as [unknown, unknown];
  if ((rank !== 0 && rank !== 1 && rank !== 2) || typeof text !== "string") throw foreign();
  const value = type === "number" ? Number(text) : text;
  if (Number.isNaN(value)) throw foreign();
  return { rank, value };
};

const foreign = (cause?: unknown): MillraceError =>
  new MillraceError("BAD_REQUEST", "page_token: not a token of this search; leave it out to start", { cause });
