const previewLength = 80;

/** A value as JSON for a message, cut off: however large or deep it is, this is quick. */
export const preview = (value: unknown): string => {
  if (value === undefined) return "missing";
  const text = previewTo(value, previewLength);
  return text.length > previewLength ? `${text.slice(0, previewLength)}...` : text;
};

/** At least the first `room` characters of the value's JSON, or all. */
const previewTo = (value: unknown, room: number): string => {
  if (typeof value === "string") return JSON.stringify(value.slice(0, Math.max(0, room + 1)));
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? String(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  const isList = Array.isArray(value);
  const keys = isList ? value.slice(0, Math.max(0, room + 1)).keys() : Object.keys(value);
  let text = isList ? "[" : "{";
  for (const key of keys) {
    // Each level takes a character of the room: this ends.
    if (text.length > room) return text;
    if (text.length > 1) text += ",";
    if (!isList) text += `${previewTo(key, room)}:`;
    text += previewTo((value as Record<string, unknown>)[key], room - text.length);
  }
  return text + (isList ? "]" : "}");
};

const mostListed = 50;

/** Names for a message: the first ones where there are very many. */
export const listed = (names: readonly string[], separator = ", "): string =>
  names.slice(0, mostListed).join(separator) + (names.length > mostListed ? `${separator}...` : "");
