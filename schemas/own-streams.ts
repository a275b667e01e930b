import { denialPrefix } from "./denials.ts";
import { aggregates } from "./lifecycle.ts";

/** Kinds of streams that hold no aggregate: what the platform needs to know besides. */
export const auxiliaryStreams = {
  /** Receipts of idempotency keys. */
  receipts: "idempotency-",
  /** Claims on names that must be unique in a project. */
  names: "name-",
  /** The embedded schema registry. */
  schemas: "schema-registry-",
} as const;

/** How the name of each stream that the platform writes begins. It reads no others of a log that it shares. */
export const ownStreams: readonly string[] = [
  ...aggregates.map((aggregate) => `${aggregate}-`),
  denialPrefix(),
  ...Object.values(auxiliaryStreams),
];
