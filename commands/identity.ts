import { createHash } from "node:crypto";
import { canonicalJson } from "../schemas/canonical-json.ts";

/** The namespace of ids that are derived from idempotency keys; any fixed UUID would do. */
const NAMESPACE = Buffer.from("6d696c6c7261636580006b6579730001", "hex");

/** UUIDv5 (RFC 9562 section 5.5) of a name in this platform's namespace. */
export const uuidv5 = (name: string): string => {
  const bytes = createHash("sha1").update(NAMESPACE).update(name, "utf8").digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};

export const sameValue = (a: unknown, b: unknown): boolean => a === b || canonicalJson(a) === canonicalJson(b);

/** SHA-256 of a value's canonical JSON, lower-case hex. */
export const digestOf = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex");
