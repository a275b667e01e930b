import { MillraceError } from "../schemas/errors.ts";

/** A Relay global id: base64 of `<Type>:<project>/<id>`. */
export const encodeNodeId = (typename: string, id: string): string =>
  Buffer.from(`${typename}:${id}`, "utf8").toString("base64");

export const decodeNodeId = (globalId: string): { typename: string; id: string } => {
  const text = Buffer.from(globalId, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) {
    throw new MillraceError("BAD_REQUEST", `"${globalId}" is not a node id; take it from a field named id`);
  }
  return { typename: text.slice(0, colon), id: text.slice(colon + 1) };
};

/** The project and the id within it of a node's inner id. */
export const splitNodeId = (id: string): { project: string; id: string } => {
  const slash = id.indexOf("/");
  return slash < 0 ? { project: id, id } : { project: id.slice(0, slash), id: id.slice(slash + 1) };
};
